##! Site context: how many hosts have pairs with a responder, and how many have pairs at all.

@load ./main
@load ./reservoir
@load base/utils/site

module Beacons;

# Tracked pairs of each originator: in all, by responder's address and by responder's name. Emptied with the pairs.
global pairs_of: table[addr] of count &default=0;
global talkers_to: table[addr] of table[addr] of count;
global talkers_to_name: table[string] of table[addr] of count;

function count_up(talkers: table[addr] of count, orig: addr)
	{
	talkers[orig] = orig in talkers ? talkers[orig] + 1 : 1;
	}

function count_down(talkers: table[addr] of count, orig: addr)
	{
	if ( --talkers[orig] == 0 )
		delete talkers[orig];
	}

# Tracked pairs by address, by certificate and responder and by user agent and originator.
global servers_of: table[string] of table[addr] of count;
global clients_of: table[string] of table[addr] of count;

function count_among_those(those: table[string] of table[addr] of count,
    what: string, host: addr)
	{
	if ( what in those )
		count_up(those[what], host);
	else
		those[what] = table([host] = 1);
	}

function count_no_more(those: table[string] of table[addr] of count,
    what: string, host: addr)
	{
	count_down(those[what], host);
	if ( |those[what]| == 0 )
		delete those[what];
	}

# Of them too: by JA3 the originators and the responders, by user agent the responders, and by port the originators of
# those whose responder is not local.
global ja3_hosts: table[string] of table[addr] of count;
global ja3_servers: table[string] of table[addr] of count;
global agent_servers: table[string] of table[addr] of count;
global port_hosts: table[port] of table[addr] of count;

# A pair has another JA3 than before; empty where it has none any more.
function note_ja3(p: Pair, ja3: string)
	{
	if ( p$by_name == "" && p$ja3 != "" )
		{
		count_no_more(ja3_hosts, p$ja3, p$orig_h);
		count_no_more(ja3_servers, p$ja3, p$resp_h);
		}
	p$ja3 = ja3;
	if ( p$by_name == "" && ja3 != "" )
		{
		count_among_those(ja3_hosts, ja3, p$orig_h);
		count_among_those(ja3_servers, ja3, p$resp_h);
		}
	}

# Counts the port of a pair by address, where the responder is not local.
function note_port(p: Pair)
	{
	if ( p$resp_h in Site::local_nets )
		return;
	p$counts_port = T;
	if ( p$resp_p !in port_hosts )
		port_hosts[p$resp_p] = table();
	count_up(port_hosts[p$resp_p], p$orig_h);
	}

function forget_port(p: Pair)
	{
	count_down(port_hosts[p$resp_p], p$orig_h);
	if ( |port_hosts[p$resp_p]| == 0 )
		delete port_hosts[p$resp_p];
	}

# Pairs by address that spoke TLS, in all and those with a named connection, by responder.
global tls_pairs: table[addr] of count &default=0;
global tls_named_pairs: table[addr] of count &default=0;
const min_tls_servers = 10;

# A pair is tracked no longer that showed something.
function forget_presented(p: Pair)
	{
	if ( p$by_name != "" )
		return;
	if ( p$presented?$certificate )
		count_no_more(servers_of, p$presented$certificate$identity, p$resp_h);
	if ( p$presented?$client && p$presented$client$agent != "" )
		{
		count_no_more(clients_of, p$presented$client$agent, p$orig_h);
		count_no_more(agent_servers, p$presented$client$agent, p$resp_h);
		}
	}

# What originators of a pair by name or of another channel are counted by.
function talked_to(p: Pair): string
	{
	return p$channel == "conn" ? p$by_name : p$channel + " " + p$by_name;
	}

# A pair is tracked from now on.
function note_talker(p: Pair)
	{
	local host = p$orig_h;
	++pairs_of[host];

	if ( p$by_name != "" )
		{
		count_among_those(talkers_to_name, talked_to(p), host);
		return;
		}
	if ( p$resp_h in talkers_to )
		count_up(talkers_to[p$resp_h], host);
	else
		talkers_to[p$resp_h] = table([host] = 1);
	note_port(p);
	}

# A pair is tracked no longer.
function forget_talker(p: Pair)
	{
	count_down(pairs_of, p$orig_h);
	if ( p?$presented )
		forget_presented(p);
	if ( p$ja3 != "" )
		note_ja3(p, "");
	if ( p$counts_port )
		forget_port(p);
	if ( p$tls )
		{
		count_down(tls_pairs, p$resp_h);
		if ( p$named > 0 )
			count_down(tls_named_pairs, p$resp_h);
		}

	if ( p$by_name != "" )
		{
		count_no_more(talkers_to_name, talked_to(p), p$orig_h);
		}
	else
		{
		count_down(talkers_to[p$resp_h], p$orig_h);
		if ( |talkers_to[p$resp_h]| == 0 )
			delete talkers_to[p$resp_h];
		}
	}

# A connection of a pair has another service than those before.
function note_service(p: Pair, service: string)
	{
	if ( p$tls || p$by_name != "" || /(.*,)?ssl(,.*)?/ != service )
		return;
	p$tls = T;
	count_up(tls_pairs, p$resp_h);
	if ( p$named > 0 )
		count_up(tls_named_pairs, p$resp_h);
	}

# The first connection of a pair that carries a server name.
function note_named(p: Pair)
	{
	if ( p$tls )
		count_up(tls_named_pairs, p$resp_h);
	}

function talkers(p: Pair): count
	{
	return p$by_name != "" ? |talkers_to_name[talked_to(p)]| :
	    |talkers_to[p$resp_h]|;
	}
