##! Times in whole microseconds, as conn.log prints them, and the packing of observations.

@load ./main

module Beacons;

# In the order that settles ties between observations, the same as in the Python package.
const state_names = vector("", "S0", "S1", "SF", "REJ", "S2", "S3", "RSTO",
    "RSTR", "RSTOS0", "RSTRH", "SH", "SHR", "OTH");
const state_codes: table[string] of count = {
	["S0"] = 1,
	["S1"] = 2,
	["SF"] = 3,
	["REJ"] = 4,
	["S2"] = 5,
	["S3"] = 6,
	["RSTO"] = 7,
	["RSTR"] = 8,
	["RSTOS0"] = 9,
	["RSTRH"] = 10,
	["SH"] = 11,
	["SHR"] = 12,
	["OTH"] = 13
} &default=0;

# Stands for a missing value where observations are compared: it sorts last, like NaN in the Python package.
const missing = 1000000000000000000;

## Rounds seconds to whole microseconds like conn.log: the fraction is taken apart first, since an epoch time multiplied
## by a million has no digits left to tell a half.
function microseconds(seconds: double): double
	{
	local whole = floor(seconds);
	return whole + double_to_count(( seconds - whole ) * 1000000.0) / 1000000.0;
	}

# Duration and state of an observation in one number, to save an element of 16 bytes.
function pack(duration: double, state: string): count
	{
	local us = duration < 0 ? missing : double_to_count(duration * 1000000.0);
	return us * 16 + state_codes[state];
	}

function duration_of(span: count): double
	{
	local us = span / 16;
	return us == missing ? -1.0 : us / 1000000.0;
	}

function state_of(span: count): string
	{
	return state_names[span % 16];
	}
