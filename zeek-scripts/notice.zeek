##! Notices: an incident of pairs that beacon, once for each level that it reaches; and a sidecar that is lost or back.
##!
##! The sentence of a beacon comes with the verdict: the sidecar makes it, in reports/sentence.py.

@load ./main
@load ./wire
@load ./sidecar
@load ./verdict-log
@load ./publish
@load ./heuristic
@load base/frameworks/notice

module Beacons;

export {
	redef enum Notice::Type += {
		## A host checks in with a server like an implant with its command and control.
		C2_Beacon,
		## The heuristic took a pair for regular while there was no sidecar to judge it.
		Suspected,
		## The sidecar is silent: pairs are tracked, and judged once it is back.
		Sidecar_Lost,
		## The sidecar is heard again.
		Sidecar_Back
	};

	## How long an incident is not noticed again at the same level or a lower one, at least 1 minute.
	option suppress_for: interval = 1day;

	## Incidents whose level is remembered. Beyond, any of them is forgotten, and may be noticed again.
	const max_noticed = 20000 &redef;
}

type NoticedMessage: record {
	v: count &default=wire_version;
	node: string;
	boot: string;
	orig_h: addr;
	resp: string;
	resp_p: count;
	proto: transport_proto;
	channel: string &optional;
	incident: string;
	level: count;
};

# Reasons that the notice gives; the log has all.
const reasons_told = 5;

# Outlasts what the notice framework suppresses, lest that swallows a notice which counts as raised here.
function remembered(): interval
	{
	return suppress_for + 1min;
	}

# The highest level noticed of each incident.
global noticed_levels: table[string] of count &create_expire=remembered();

global times_lost: count = 0;
global times_back: count = 0;

function remember(incident: string, level: count)
	{
	if ( |noticed_levels| >= max_noticed )
		{
		for ( other in noticed_levels )
			{
			delete noticed_levels[other];
			break;
			}
		}
	noticed_levels[incident] = level;
	}

# The highest level noticed of an incident, under any of its names; 0 where none was.
function noticed_level(rec: Verdict): count
	{
	local level = rec$incident in noticed_levels ? noticed_levels[rec$incident] : 0;
	for ( name in rec$joined )
		if ( name != rec$incident && name in noticed_levels )
			{
			if ( noticed_levels[name] > level )
				{
				level = noticed_levels[name];
				remember(rec$incident, level);
				}
			delete noticed_levels[name];
			}
	return level;
	}

# A word of a list of words.
function word(name: string, value: string): string
	{
	return fmt("%s=%s", name, gsub(value, / /, "\\x20"));
	}

# The facts as words `name=value`, for machines and for those in a hurry.
function facts(rec: Verdict): string
	{
	local words: string_vec;
	if ( rec?$score )
		words += fmt("score=%.4f", rec$score);
	words += word("severity", rec$severity);
	words += word("kind", rec$kind);
	if ( rec$channel != "conn" )
		words += word("channel", rec$channel);
	words += word("incident", rec$incident);
	if ( rec?$sleep )
		words += fmt("sleep=%.1f", interval_to_double(rec$sleep));
	if ( rec?$jitter )
		words += fmt("jitter=%.2f", rec$jitter);
	words += fmt("conns=%d observations=%d needed=%d", rec$conns, rec$observations,
	    rec$needed);
	if ( rec?$service )
		words += word("service", rec$service);
	words += word("resp", rec$resp);
	words += word("model", rec$model);

	local reasons: string_vec;
	for ( i, reason in rec$reasons )
		if ( i < reasons_told )
			reasons += gsub(reason, /=/, ":");
	if ( |reasons| > 0 )
		words += word("reasons", join_string_vec(reasons, ","));
	return join_string_vec(words, " ");
	}

function raise(rec: Verdict)
	{
	local id = rec$id;
	NOTICE(Notice::Info($note=C2_Beacon, $msg=rec$summary, $sub=facts(rec), $id=id,
	    $uid=rec$uid, $src=id$orig_h, $dst=id$resp_h, $p=id$resp_p,
	    $n=rec$conns, $suppress_for=suppress_for, $identifier=fmt("%s %d",
	    rec$incident, rec$level)));
	}

# Whether a verdict may raise its notice now; a handler that breaks says no.
global notice_due: hook(rec: Verdict);

hook verdict_found(rec: Verdict) &priority=-5
	{
	if ( ! hook notice_due(rec) || rec$level == 0 )
		return;

	local id = rec$id;
	local level = noticed_level(rec);
	if ( level < rec$level )
		{
		level = rec$level;
		raise(rec);
		remember(rec$incident, level);
		}

	local message = NoticedMessage($node=node_name, $boot=boot, $orig_h=id$orig_h,
	    $resp=rec$resp, $resp_p=port_to_count(id$resp_p), $proto=rec$proto,
	    $incident=rec$incident, $level=level);
	if ( rec$channel != "conn" )
		message$channel = rec$channel;
	Cluster::publish(shard_topic(control_topic, shard_of(id$orig_h), |served|),
	    noticed, to_json(message));
	}

event suspected(rec: Candidate, gap: interval, spread: double)
	{
	if ( sidecar_here(shard_of(rec$id$orig_h)) )
		return;
	NOTICE(Notice::Info($note=Suspected, $msg=fmt("%s talks to %s:%s about every %.1f s, %d times; gaps within %.0f %% of that; not judged, no sidecar was there",
	    rec$id$orig_h, rec$resp, rec$id$resp_p, interval_to_double(gap),
	    rec$conns, 100 * spread), $id=rec$id, $uid=rec$uid, $n=rec$conns,
	    $suppress_for=suppress_for, $identifier=fmt("%s %s %s %s",
	    rec$id$orig_h, rec$resp, rec$id$resp_p, rec$channel)));
	}

# Which pairs a shard's sidecar judges, as notices say it; nothing where one judges all. *shard* counts from 1.
function of_shard(shard: count): string
	{
	return |served| == 1 ? "" : fmt(" of shard %s", shard_name(shard - 1, |served|));
	}

event sidecar_lost(name: string, silence: interval, shard: count)
	{
	++times_lost;
	NOTICE(Notice::Info($note=Sidecar_Lost, $msg=name == "" ? fmt("No zeek-beacons sidecar%s has come within %.0f s; pairs are tracked but not judged",
	    of_shard(shard), interval_to_double(silence)) : fmt("Nothing heard of the zeek-beacons sidecar %s%s for %.0f s; pairs are tracked, and judged once it is back",
	    name, of_shard(shard), interval_to_double(silence)),
	    $identifier=cat(times_lost)));
	}

event sidecar_back(name: string, shard: count)
	{
	++times_back;
	NOTICE(Notice::Info($note=Sidecar_Back, $msg=fmt("The zeek-beacons sidecar %s%s is back; candidates that wait for a verdict here: %d",
	    name, of_shard(shard), progress[shard - 1]$waiting),
	    $identifier=cat(times_back)));
	}
