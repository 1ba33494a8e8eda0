##! Times in whole microseconds, as conn.log prints them.

@load ./main

module Beacons;

## Rounds seconds to whole microseconds like conn.log. The fraction is taken apart first, since an epoch time multiplied
## by a million has no digits left to tell a half.
function microseconds(seconds: double): double
	{
	local whole = floor(seconds);
	return whole + double_to_count(( seconds - whole ) * 1000000.0) / 1000000.0;
	}
