##! The public face of the package: types, options, events and hooks.
##!
##! Connections that end become observations of a pair (who talks to whom). A pair that comes back often enough is a
##! candidate: it is written to beacon_candidates.log and handed to :zeek:see:`Beacons::candidate_found`.

@load base/frameworks/logging

module Beacons;

export {
	## Which connections are looked at, by whether their two ends are local.
	type Direction: enum {
		## All of them.
		ANY,
		## From a local originator to a responder elsewhere.
		OUTBOUND,
		## From elsewhere to a local responder.
		INBOUND,
		## Between local hosts.
		INTERNAL,
		## From a local originator to anybody: outbound and internal.
		FROM_LOCAL
	};

	## Connections looked at. While no local networks are known, all are.
	option direction: Direction = FROM_LOCAL;

	## Whether connections from elsewhere to a local responder are looked at as well, whatever the direction.
	option track_inbound: bool = F;

	## Pairs from elsewhere to a local responder tracked at once, at least 1. Beyond, the least useful of these are
	## evicted.
	option max_inbound_pairs: count = 10000;

	## Connections of a pair at which it becomes a candidate, at least 3: five gaps are the least that show a rhythm.
	option min_connections: count = 5;

	## Newest observations kept of each pair, at least 8 and *min_connections*.
	option max_observations: count = 512;

	## Pairs tracked at once, at least 100. Beyond, the least useful ones are evicted.
	option max_pairs: count = 100000;

	## Of *max_pairs*, and of the names of queries, what one originator may have, 1 to 100 percent: pairs of one that has
	## more are evicted before those of others, and its further names are not told apart.
	option max_host_percent: count = 25;

	## Observations held in all, at least *max_observations*. Beyond, the longest pairs are cut to their
	## newest half.
	option max_total_observations: count = 4000000;

	## Pairs up to which every pair is tracked from its first connection on. While more are tracked, a new pair first
	## leaves a mark in a sketch and is tracked from its second connection on, so that pairs seen once cost nothing.
	option exact_pairs: count = 2000;

	## Pairs seen once that the sketch remembers, at 3 bytes each, for addresses and names.
	const sketch_pairs = 1000000 &redef;

	## How long a pair is kept after its last connection, at least 1 minute.
	option expire_after: interval = 1day;

	## How often pairs are looked through for those to expire, at least 1 second.
	option sweep_interval: interval = 10mins;

	## A candidate with new connections is emitted again after this time at the latest, at least 1 second.
	option candidate_interval: interval = 1hr;

	## How long after the end of an open TCP connection a mid-stream piece of it still continues it, 0 seconds to 1 day:
	## twice the longest keep-alive seen in practice (28 minutes).
	option merge_gap: interval = 1hr;

	## How long a connection is open until its pair is a candidate whatever its number of connections, at least 1 minute.
	option long_after: interval = 24hrs;

	## Whether connections that carry a server name (TLS SNI, HTTP Host) also count for the pair with that name.
	option pairs_by_name: bool = T;

	## Answers of name servers that are remembered, by client and address, at 0.6 kB each: to whom an address belonged
	## that a client then talks to. Beyond, the older half is forgotten. 0: none is.
	option max_answers: count = 100000;

	## Addresses of which it is remembered who had them (by DHCP, Kerberos and NTLM), at 2 kB each. Beyond, the older half
	## is forgotten. 0: none are.
	option max_owners: count = 50000;

	## Responder's or originator's networks that are never tracked.
	option never_subnets: set[subnet] = {};

	## Responder ports that are never tracked.
	option never_ports: set[port] = {};

	## Server names that are never tracked; a leading ``*.`` also covers the name itself.
	option never_names: set[string] = {};

	## An allow-list file, reread when it changes; see the file for its format. Empty: none.
	option allow_file = @DIR + "/allow.txt";

	## A server's certificate, as it was presented to a client that asked for one name.
	type Certificate: record {
		## Its fingerprint.
		identity: string;
		## Its name that fits what was asked for, else its first; empty where it has none.
		name: string;
		## Who signed it, as a distinguished name.
		issuer: string;
		self_signed: bool;
		## Whether Zeek could verify it up to a public authority; unset where it did not try.
		valid: bool &optional;
		## Days of its validity; unset where they make no sense.
		days: count &optional;
		## When that begins, seconds since the epoch.
		begins: double;
		## Whether none of its names is one for the server that was asked for; unset where none was asked for, or where
		## it has more names than are looked at.
		misfit: bool &optional;
	};

	## What a client told of itself over HTTP, in the requests of a connection that were answered.
	type WebClient: record {
		## The first user agent; empty where it gave none.
		agent: string;
		## Whether a request had no Host.
		no_host: bool;
	};

	## What a source knows of a connection beside its times and sizes.
	type Traits: record {
		## What it is learned from: tls, http or ssh.
		source: string;
		## Each *code=value*. They are made printable where a candidate tells them.
		lines: vector of string &default=vector();
		## The JA3 among them; empty where there is none.
		ja3: string &default="";
	};

	## What the observations of a pair are: connections; requests inside kept-alive ones; queries to name servers; what
	## goes through a proxy; exchanges inside one connection.
	const channels = set("conn", "http", "dns", "proxy", "poll");

	## One connection of a pair, or one check-in of another channel.
	type Observation: record {
		## Who opened the connection.
		orig_h: addr;
		orig_p: port;
		## To whom.
		resp_h: addr;
		resp_p: port;
		## Zeek's uid of the connection.
		uid: string;
		## Server name that an analyzer saw, in its one spelling; empty where none. Of another channel than connections
		## the responder as the pair is called.
		name: string;
		## Service as in conn.log; empty where none.
		service: string;
		## The name that the originator had asked for to get the responder's address; empty where none, unset where
		## it had got no answer to anything yet.
		dns_name: string &optional;
		## What the server presented, and what the client told; unset where that was not seen.
		certificate: Certificate &optional;
		client: WebClient &optional;
		## A hit of Zeek's Intel framework on the server: type and indicator; unset where there was none.
		intel: string &optional;
		## What else was seen of its ends, by source; unset where nothing was.
		traits: vector of Traits &optional;
		## Start of the connection, seconds since the epoch, whole microseconds.
		start: double;
		## Seconds, whole microseconds; -1 where unknown.
		duration: double &default=-1.0;
		## Payload bytes by originator; -1 where unknown.
		orig_bytes: int &default=-1;
		## Payload bytes by responder; -1 where unknown.
		resp_bytes: int &default=-1;
		## conn_state as in conn.log.
		state: string;
		## Whether this replaces an earlier observation of the same start, which a mid-stream piece continued.
		continues: bool &default=F;
		## Whether the connection has been open for *long_after*; it may still be.
		is_long: bool &default=F;
		## One of :zeek:see:`Beacons::channels`.
		channel: string &default="conn";
		## What an observation of a web server carried: the pair with server and stem; empty where none.
		carried: string &default="";
		## Other paths of its site that the client has asked for, at most those remembered; unset where not known.
		other_paths: count &optional;
		## The name that a query of channel dns asks for; empty for others.
		asked: string &default="";
		## What it asks for: A, TXT; empty where that is not known.
		query_type: string &default="";
		## Whether its answer was that there is no such name.
		no_such_name: bool &default=F;
	};

	## A pair that Zeek let through, with its observations: a line of beacon_candidates.log.
	type Candidate: record {
		## When it was emitted.
		ts: time &log;
		## The newest connection's uid.
		uid: string &log;
		## The newest connection's ends.
		id: conn_id &log;
		proto: transport_proto &log;
		## What the observations are: one of :zeek:see:`Beacons::channels`.
		channel: string &log &default="conn";
		## Most frequent service among the connections.
		service: string &log &optional;
		## The server name that more than half of the connections which carry one carry.
		server_name: string &log &optional;
		## The name that most connections' responder was looked up by: more than half of those where one is known.
		dns_name: string &log &optional;
		## The responder: an address, or a server name for a pair formed by name.
		resp: string &log;
		## Connections seen.
		conns: count &log;
		## Connections seen that carried a server name.
		named: count &log;
		## Connections seen that carried *server_name*.
		name_conns: count &log &default=0;
		## Connections seen whose responder had been looked up; unset where that is not known.
		dns_named: count &log &optional;
		## Whether the originator and the newest connection's responder are local; unset while no local networks are
		## known.
		local_orig: bool &log &optional;
		local_resp: bool &log &optional;
		## Start of the first and of the newest connection seen.
		first_ts: time &log;
		last_ts: time &log;
		## Distinct originators whose pairs with this responder are tracked, on any port.
		resp_hosts: count &log;
		## Distinct originators of all pairs tracked.
		site_hosts: count &log;
		## Share of the TLS servers among the responders of all pairs tracked that some connection named; unset below
		## 10 of them.
		site_tls_named: double &log &optional;
		## The certificate of the newest connection in which one was seen, as in :zeek:see:`Beacons::Certificate`; unset
		## where none was.
		cert_name: string &log &optional;
		cert_issuer: string &log &optional;
		cert_self_signed: bool &log &optional;
		cert_valid: bool &log &optional;
		cert_days: count &log &optional;
		## Addresses whose tracked pairs showed it.
		cert_servers: count &log &optional;
		## The client of the newest connection with an answered HTTP request; unset where none was seen.
		user_agent: string &log &optional;
		## Originators whose tracked pairs had this user agent.
		agent_hosts: count &log &optional;
		no_host: bool &log &optional;
		## Other paths of its site that the originator has asked for, of channel http; unset where not known.
		other_paths: count &log &optional;
		## The newest hit of Zeek's Intel framework on the server, in a connection of the pair: type and indicator; unset
		## where there was none.
		intel: string &log &optional;
		## Different names of the domain that the originator has asked for, those told apart, and their characters in
		## all; queries for addresses alone; and connections seen to servers under the domain. Of channel dns; unset for
		## others.
		names_asked: count &log &optional;
		names_length: count &log &optional;
		for_addresses: count &log &optional;
		connected: count &log &optional;
		## What else was seen of its ends: each *code=value*, that of the newest connection that told it; unset where
		## nothing was.
		traits: vector of string &log &optional;
		## Why it was emitted: gate, doubled, interval, long, lease, expired, evicted, requested or final.
		reason: string &log;
		## Connections seen whose observations are no longer held.
		dropped: count &log;
		## The observations held, by start: seconds since the epoch.
		starts: vector of double &log;
		## Seconds; -1 where unknown.
		durations: vector of double &log;
		## Payload bytes by originator; -1 where unknown.
		orig_bytes: vector of int &log;
		## Payload bytes by responder; -1 where unknown.
		resp_bytes: vector of int &log;
		## conn_state as in conn.log.
		states: vector of string &log;
	};

	## Takes every candidate, on the node that owns its pair: logging and publishing are handlers of this hook.
	global candidate_found: hook(rec: Candidate);

	## Veto: a handler that breaks keeps a connection from being tracked. Runs for every connection that passed the
	## filters, so keep it short.
	global track_policy: hook(c: connection);

	## A finished connection on its way to the node that owns its pair. *by_name*: the pair with the server name, or of
	## another channel.
	global observed: event(o: Observation, by_name: bool);

	## A client has connected to a server under a registered domain, on its way to the node that owns their pair of
	## channel dns.
	global connected_to: event(client: addr, domain: string);

	## Emits all pairs held with at least this many connections, with reason ``requested``.
	global emit_all: function(least: count);
}
