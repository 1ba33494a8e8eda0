##! Channel dns: check-ins inside queries to name servers.
##!
##! A query is an observation of the pair of its client with the registered domain of the name that it asks for; the
##! resolver is the address of such pairs. What is logged to dns.log is what counts, so that the log tells the same.

@load ./main
@load ./names
@load ./dns
@load ./allow
@load ./track
@load ./observe
@load ./http-channel
@load base/protocols/dns

module Beacons;

# Of NetBIOS, mDNS and LLMNR: names of neighbours.
const ports_of_neighbours = set(137/udp, 137/tcp, 5353/udp, 5353/tcp, 5355/udp,
    5355/tcp);

# The rcode of an answer that there is no such name.
const nxdomain = 3;

# Bytes that the answers to one query count for, at most: those of a message.
const largest_answer = 65535;

# Names that cannot be those of a server elsewhere: one label, a reverse look-up, or of a home network.
const without_server = /[^.]*/ |
    /.*\.(arpa|home|lan|localdomain|localhost|workgroup)/;

function answer_bytes(answers: vector of string): int
	{
	local total = 0;
	for ( _, answer in answers )
		{
		total += |answer|;
		if ( total >= largest_answer )
			return largest_answer;
		}
	return total;
	}

function observation_of_query(rec: DNS::Info, name: string): Observation
	{
	local id = rec$id;
	local o = Observation($orig_h=id$orig_h, $orig_p=id$orig_p, $resp_h=id$resp_h,
	    $resp_p=id$resp_p, $uid=rec$uid, $name=registered_domain(name),
	    $service="dns", $start=( rec$ts - epoch ) / 1sec, $orig_bytes=|name|,
	    $state="S0", $channel="dns", $asked=name);
	if ( rec?$qtype_name )
		o$query_type = rec$qtype_name;
	if ( rec?$rcode && rec$rcode == nxdomain )
		o$no_such_name = T;
	if ( rec?$rtt )
		o$duration = floor(rec$rtt / 1usec + 0.5) / 1000000.0;
	if ( rec?$rtt || rec?$rcode )
		{
		o$state = "SF";
		o$resp_bytes = rec?$answers ? answer_bytes(rec$answers) : 0;
		}
	return o;
	}

event DNS::log_dns(rec: DNS::Info)
	{
	if ( ! dns_channel || ! rec?$query || rec$id$resp_p in ports_of_neighbours )
		return;
	local name = server_name(rec$query);
	if ( without_server == name || ! wanted_ends(rec$id) )
		return;
	if ( filtering
	    && ( never_tracked(rec$id) || never_named(rec$id, registered_domain(name)) ) )
		return;
	hand_over(observation_of_query(rec, name), T);
	}
