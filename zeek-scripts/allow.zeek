##! Traffic known to be harmless: what is never tracked.

@load ./main

module Beacons;

# An originator, responder and port of the allow-list file; what is unset matches anything.
type PairRule: record {
	orig: subnet &optional;
	resp: subnet &optional;
	resp_name: string &optional;
	number: count &optional;
	proto: transport_proto &optional;
};

# The content of the allow-list file. Ports by number, for tcp, udp, icmp each.
type AllowList: record {
	subnets: set[subnet] &default=set();
	ports: set[port] &default=set();
	names: set[string] &default=set();
	pairs: vector of PairRule &default=vector();
};

global allowed = AllowList();

# Whether there is anything to leave out: on most sensors this is all that a connection costs here.
global filtering = F;

function port_matches(rule: PairRule, p: port): bool
	{
	return ( ! rule?$number || rule$number == port_to_count(p) )
	    && ( ! rule?$proto || rule$proto == get_port_transport_proto(p) );
	}

# Whether a set of names covers this one: it or, behind `*.`, one of the domains it lies in.
function covers_name(names: set[string], name: string): bool
	{
	if ( |names| == 0 )
		return F;
	if ( name in names || "*." + name in names )
		return T;

	local labels = split_string(name, /\./);
	local domain = "";
	local i = |labels|;
	while ( i > 1 )
		{
		--i;
		domain = "." + labels[i] + domain;
		if ( "*" + domain in names )
			return T;
		}
	return F;
	}

function pair_allowed(id: conn_id, name: string): bool
	{
	for ( i in allowed$pairs )
		{
		local rule = allowed$pairs[i];
		if ( rule?$orig && id$orig_h !in rule$orig )
			next;
		if ( rule?$resp && id$resp_h !in rule$resp )
			next;
		if ( rule?$resp_name && ! covers_name(set(rule$resp_name), name) )
			next;
		if ( port_matches(rule, id$resp_p) )
			return T;
		}
	return F;
	}

# Whether a connection is left out by its ends.
function never_tracked(id: conn_id): bool
	{
	if ( |never_subnets| > 0
	    && ( id$orig_h in never_subnets || id$resp_h in never_subnets ) )
		return T;
	if ( |never_ports| > 0 && id$resp_p in never_ports )
		return T;
	if ( |allowed$subnets| > 0
	    && ( id$orig_h in allowed$subnets || id$resp_h in allowed$subnets ) )
		return T;
	if ( |allowed$ports| > 0 && id$resp_p in allowed$ports )
		return T;
	return |allowed$pairs| > 0 && pair_allowed(id, "");
	}

# Whether a connection is left out by its server name.
function never_named(id: conn_id, name: string): bool
	{
	return covers_name(never_names, name)
	    || covers_name(allowed$names, name)
	    || ( |allowed$pairs| > 0 && pair_allowed(id, name) );
	}

event lists_changed()
	{
	filtering = |never_subnets| + |never_ports| + |never_names| + |allowed$subnets| +
	    |allowed$ports| + |allowed$names| + |allowed$pairs| > 0;
	}

# Runs before the new value is in force.
function change_subnets(id: string, value: set[subnet]): set[subnet]
	{
	event lists_changed();
	return value;
	}

function change_ports(id: string, value: set[port]): set[port]
	{
	event lists_changed();
	return value;
	}

function change_names(id: string, value: set[string]): set[string]
	{
	event lists_changed();
	return value;
	}

event zeek_init()
	{
	event lists_changed();
	Option::set_change_handler("Beacons::never_subnets", change_subnets);
	Option::set_change_handler("Beacons::never_ports", change_ports);
	Option::set_change_handler("Beacons::never_names", change_names);
	}
