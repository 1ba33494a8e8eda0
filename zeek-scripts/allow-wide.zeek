##! Warns of a list of harmless traffic that leaves next to nothing to track.

@load ./main
@load ./allow
@load base/frameworks/reporter

module Beacons;

const half_of_ipv4 = 2147483648.0;

# Lists that were warned of and are as wide still.
global told_wide: set[string];

# Whether subnets together hold more than half of all IPv4 addresses. For Zeek these lie among the IPv6 addresses.
function hold_most(nets: set[subnet]): bool
	{
	local covered = 0.0;
	for ( net in nets )
		{
		if ( 0.0.0.0 in net && 255.255.255.255 in net )
			return T;
		# A subnet inside another one of them adds nothing.
		if ( is_v4_subnet(net) && |matching_subnets(net, nets)| == 1 )
			covered += |net|;
		}
	return covered > half_of_ipv4;
	}

# Whether an entry `pair` leaves out most connections, or most of a protocol.
function is_wide_pair(rule: PairRule): bool
	{
	return ! rule?$resp_name
	    && ! rule?$number
	    && ( ! rule?$orig || hold_most(set(rule$orig)) )
	    && ( ! rule?$resp || hold_most(set(rule$resp)) );
	}

function has_wide_pair(rules: vector of PairRule): bool
	{
	for ( i in rules )
		if ( is_wide_pair(rules[i]) )
			return T;
	return F;
	}

# Warns once, until the list is no longer so wide.
function tell_if_wide(which: string, wide: bool)
	{
	if ( ! wide )
		{
		delete told_wide[which];
		return;
		}
	if ( which in told_wide )
		return;
	add told_wide[which];
	Reporter::warning(fmt("%s leaves out most connections, at least of one protocol: they are never tracked",
	    which));
	}

event lists_changed()
	{
	tell_if_wide("Beacons::never_subnets", hold_most(never_subnets));
	tell_if_wide(fmt("allow-list %s", allow_file), hold_most(allowed$subnets)
	    || has_wide_pair(allowed$pairs));
	}
