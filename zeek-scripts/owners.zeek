##! Who an originator is: the network card and the host name of the lease of its address, and who authenticated from it.
##!
##! A lease (DHCP) holds from its first message for its time, 7 days at most; an authentication that succeeded (Kerberos,
##! NTLM) holds for a day, until another one, and no longer than the card has the address. Told is what held when the
##! newest connection of a pair began. Where an address gets another card, connections before and after are no pair. The
##! same as in the sidecar's readers/owners.py. In a cluster all nodes that own pairs know what one worker saw.

@load ./main
@load ./answers
@load ./traits
@load ./reservoir
@load ./units
@load base/frameworks/cluster
@load base/protocols/dhcp
@load base/protocols/krb
@load base/protocols/ntlm

module Beacons;

# What is known of who has an address.
type Owner: record {
	# By what it is: card, host (by lease), user, station (by authentication); each as a line of traits.
	known: table[string] of Lookups &default=table();
	# The card of the newest lease, when that began (seconds), and the name that it was given to; empty where none.
	card: string &default="";
	leased: double &default=0.0;
	host: string &default="";
};

const longest_lease = 604800.0;
const untold_lease = 86400.0;
const login_lasts = 86400.0;
const acknowledged = 5;

# Half of them each, as with answers.
global owners_a: table[addr] of Owner;
global owners_b: table[addr] of Owner;
global filling_owners_a = T;
# When addresses that had several cards got the one that they have; of those among the owners.
global card_changes: table[addr] of double;

# What was given up, for telemetry: addresses whose owner was forgotten, and connections that began before the card
# changed and ended when the pair had begun anew.
global owners_forgotten: count = 0;
global left_behind: count = 0;

function is_owned(a: addr): bool
	{
	return a in owners_a || a in owners_b;
	}

function owner_of(a: addr): Owner
	{
	return a in owners_a ? owners_a[a] : owners_b[a];
	}

function forget_owners(older: table[addr] of Owner, newer: table[addr] of Owner)
	{
	for ( a, _ in older )
		if ( a !in newer )
			{
			++owners_forgotten;
			delete card_changes[a];
			}
	clear_table(older);
	}

# What is known of an address, to be added to.
function owner_to_fill(a: addr): Owner
	{
	local who = is_owned(a) ? owner_of(a) : Owner();
	if ( 2 * ( filling_owners_a ? |owners_a| : |owners_b| ) >= max_owners )
		{
		if ( filling_owners_a )
			forget_owners(owners_b, owners_a);
		else
			forget_owners(owners_a, owners_b);
		filling_owners_a = ! filling_owners_a;
		}
	if ( filling_owners_a )
		owners_a[a] = who;
	else
		owners_b[a] = who;
	return who;
	}

function learn(who: Owner, what: string, line: string, since: double,
    until: double)
	{
	if ( line == "" )
		return;
	local fresh = Lookup($name=line, $since=since, $until=until, $last=since);
	if ( what in who$known )
		add_lookup(who$known[what], fresh);
	else
		who$known[what] = Lookups($newest=fresh);
	}

# Another card has the address from now on: what was known of the one before ends.
function change_card(a: addr, who: Owner, since: double)
	{
	for ( what, known in who$known )
		if ( what != "card" && known$newest$until >= since )
			known$newest$until = since - 0.000001;
	who$host = "";
	card_changes[a] = since;
	}

function learn_lease(a: addr, card: string, host: string, since: double,
    until: double)
	{
	local who = owner_to_fill(a);
	if ( since < who$leased )
		return;
	if ( who$card != "" && who$card != card )
		change_card(a, who, since);
	who$card = card;
	who$leased = since;
	if ( host != "" )
		who$host = host;
	learn(who, "card", card, since, until);
	learn(who, "host", who$host, since, until);
	}

function learn_login(a: addr, user: string, station: string, since: double)
	{
	local who = owner_to_fill(a);
	if ( a in card_changes && since < card_changes[a] )
		return;
	learn(who, "user", user, since, since + login_lasts);
	learn(who, "station", station, since, since + login_lasts);
	}

event leased(a: addr, card: string, host: string, since: double, until: double)
	{
	learn_lease(a, card, host, since, until);
	}

event logged_in(a: addr, user: string, station: string, since: double)
	{
	learn_login(a, user, station, since);
	}

# The manager owns pairs while no proxy is alive.
function tell_login(a: addr, user: string, station: string, ts: time)
	{
	local since = microseconds(time_to_double(ts));
	if ( max_owners == 0 || ( user == "" && station == "" ) )
		return;
	if ( ! Cluster::is_enabled() )
		learn_login(a, user, station, since);
	else
		{
		Cluster::publish(Cluster::proxy_topic, logged_in, a, user, station, since);
		Cluster::publish(Cluster::manager_topic, logged_in, a, user, station, since);
		}
	}

# Each message of a lease, on the manager where there is one, as dhcp.log puts them together.
event DHCP::aggregate_msgs(ts: time, id: conn_id, uid: string, is_orig: bool,
    msg: DHCP::Msg, options: DHCP::Options)
	{
	local info = DHCP::log_info;
	if ( max_owners == 0 || msg$m_type != acknowledged || ! info?$assigned_addr )
		return;

	local card = trait("orig_mac", info?$mac ? info$mac : ( info?$client_chaddr ?
	    info$client_chaddr : "" ));
	if ( card == "" )
		return;
	local host = info?$host_name ? trait("orig_name", info$host_name) : "";
	if ( host == "" && info?$client_fqdn )
		host = trait("orig_name", info$client_fqdn);

	local lasts = info?$lease_time ? interval_to_double(info$lease_time) :
	    untold_lease;
	local since = microseconds(time_to_double(info$ts));
	local until = since + ( lasts > longest_lease ? longest_lease : lasts );
	learn_lease(info$assigned_addr, card, host, since, until);
	if ( Cluster::is_enabled() )
		Cluster::publish(Cluster::proxy_topic, leased, info$assigned_addr, card, host,
		    since, until);
	}

# Who a client of Kerberos is, without its realm; a name with $ at its end is that of a host.
event KRB::log_krb(rec: KRB::Info)
	{
	if ( ! rec?$success || ! rec$success || ! rec?$client )
		return;
	local name = sub(rec$client, /\/[^\/]*$/, "");
	if ( name == rec$client )
		return;
	if ( ends_with(name, "$") )
		tell_login(rec$id$orig_h, "", trait("orig_name", name[: |name| - 1]), rec$ts);
	else
		tell_login(rec$id$orig_h, trait("orig_user", name), "", rec$ts);
	}

# Before the line of ntlm.log is written, of which each connection has one.
event gssapi_neg_result(c: connection, state: count) &priority=-2
	{
	if ( ! c?$ntlm || c$ntlm$done || ! c$ntlm?$success || ! c$ntlm$success )
		return;
	local user = c$ntlm?$username && ! ends_with(c$ntlm$username, "$") ?
	    c$ntlm$username : "";
	tell_login(c$id$orig_h, trait("orig_user", user), c$ntlm?$hostname ? trait(
	    "orig_name", c$ntlm$hostname) : "", c$ntlm$ts);
	}

# Tells in a candidate who the originator was when the newest connection began.
function tell_owner(rec: Candidate, p: Pair)
	{
	local known = owner_of(p$orig_h)$known;
	local lines: vector of string = rec?$traits ? rec$traits : vector();
	local had_name = F;
	for ( _, what in vector("card", "host", "station", "user") )
		{
		if ( what !in known || ( what == "station" && had_name ) )
			next;
		local line = held_at(known[what], p$last_ts);
		if ( line != "" )
			{
			lines += line;
			had_name = had_name || what == "host";
			}
		}
	if ( |lines| > 0 )
		rec$traits = sort(lines, strcmp);
	}

# The time from which on the card has its address that had it at some time, by what is known: 0 where that is the first
# one, or the one before.
function card_since(a: addr, start: double): double
	{
	return a in card_changes && start >= card_changes[a] ? card_changes[a] : 0.0;
	}
