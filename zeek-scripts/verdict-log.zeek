##! beacon_verdicts.log: one line a verdict.

@load ./main

module Beacons;

export {
	redef enum Log::ID += { LOG_VERDICTS };

	## What the sidecar concluded about a pair: a line of beacon_verdicts.log.
	type Verdict: record {
		## When it came.
		ts: time &log;
		## The pair's newest connection: uid and ends.
		uid: string &log;
		id: conn_id &log;
		proto: transport_proto &log;
		## What its observations are: one of :zeek:see:`Beacons::channels`.
		channel: string &log &default="conn";
		## Most frequent service among the connections.
		service: string &log &optional;
		## The responder: an address, or a server name for a pair formed by name.
		resp: string &log;
		## Connections seen.
		conns: count &log;
		## beacon, benign or insufficient_evidence.
		label: string &log;
		## 0 to 1, higher is more beacon-like.
		score: double &log &optional;
		## The implant's sleep as estimated.
		sleep: interval &log &optional;
		## The implant's jitter as estimated, 0 to 1.
		jitter: double &log &optional;
		## Observations that were looked at, and how many this kind of rhythm needs.
		observations: count &log;
		needed: count &log;
		## What kind of finding it is, or would be: beacon, inbound, tunnel, strobe or long.
		kind: string &log;
		## The incident that an alert belongs to.
		incident: string &log &optional;
		## Incidents of other names that turned out to be this one.
		joined: set[string] &log;
		## Empty, low, medium, high or critical.
		severity: string &log;
		## 0: no alert; 1 to 4: the severity.
		level: count &log;
		## Why a beacon stays quiet; empty where it does not.
		suppressed: string &log;
		## Codes of the reasons with their values, what speaks most for a beacon
		## first; with a minus in front what speaks against it.
		reasons: vector of string &log;
		## The model that scored.
		model: string &log;
		## One sentence.
		summary: string &log;
		## The number of the candidate that it answers, on the node that owns the pair.
		seq: count;
	};

	## Takes every verdict, on the manager or the standalone Zeek.
	global verdict_found: hook(rec: Verdict);

	## Decides which verdicts are logged.
	global log_policy_verdicts: Log::PolicyHook;

	## Raised for every verdict on its way to the log.
	global log_beacon_verdicts: event(rec: Verdict);
}

# Verdicts came, up to 64 in an event, and those of the sidecar that serves this sensor were taken.
global verdicts_taken: hook();

hook verdict_found(rec: Verdict)
	{
	Log::write(LOG_VERDICTS, rec);
	}

event zeek_init() &priority=5
	{
	Log::create_stream(LOG_VERDICTS, Log::Stream($columns=Verdict,
	    $ev=log_beacon_verdicts, $path="beacon_verdicts",
	    $policy=log_policy_verdicts));
	}
