##! Times in whole microseconds, as conn.log prints them.

@load ./main

module Beacons;

## Seconds rounded to whole microseconds.
function microseconds(seconds: double): double
	{
	return floor(seconds * 1000000.0 + 0.5) / 1000000.0;
	}
