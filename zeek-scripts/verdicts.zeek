##! Verdicts: each answers a candidate.

@load ./main
@load ./wire
@load ./sidecar
@load ./publish
@load ./verdict-log

module Beacons;

type Reason: record {
	code: string;
	value: double &optional;
	contribution: double &optional;
};

# The fields of docs/wire.md that are read here.
type VerdictMessage: record {
	sidecar: string;
	node: string;
	boot: string;
	seq: count;
	uid: string;
	orig_h: string;
	orig_p: count;
	resp_h: string;
	resp_p: count;
	proto: string;
	channel: string &default="conn";
	resp: string;
	service: string &optional;
	conns: count;
	label: string;
	score: double &optional;
	sleep: double &optional;
	jitter: double &optional;
	observations: count;
	needed: count;
	severity: string;
	level: count;
	suppressed: string;
	reasons: vector of Reason;
	model: string;
	summary: string;
	kind: string;
	incident: string &default="";
	joined: vector of string &default=vector();
};

const protos: table[string] of transport_proto = {
	["tcp"] = tcp,
	["udp"] = udp,
	["icmp"] = icmp
};
const labels = set("beacon", "benign", "insufficient_evidence");
const severities = vector("", "low", "medium", "high", "critical");
const kind_word = /[a-z_]{1,20}/;
const incident_name = /[0-9a-f]{1,40}/;
const max_reasons = 20;
const max_joined = 16;

# The first field that cannot be, or "".
function wrong_field(m: VerdictMessage): string
	{
	if ( ! is_valid_ip(m$orig_h) )
		return "orig_h";
	if ( ! is_valid_ip(m$resp_h) )
		return "resp_h";
	if ( m$orig_p > 65535 || m$resp_p > 65535 )
		return "port";
	if ( m$proto !in protos )
		return "proto";
	if ( m$channel !in channels )
		return "channel";
	if ( m$label !in labels )
		return "label";
	if ( m?$score && ( m$score < 0.0 || m$score > 1.0 ) )
		return "score";
	if ( m?$jitter && ( m$jitter < 0.0 || m$jitter > 1.0 ) )
		return "jitter";
	if ( m?$sleep && m$sleep < 0.0 )
		return "sleep";
	if ( m$level >= |severities| )
		return "level";
	if ( kind_word != m$kind )
		return "kind";
	if ( m$incident != "" || m$level > 0 )
		if ( incident_name != m$incident )
			return "incident";
	for ( _, name in m$joined )
		if ( incident_name != name )
			return "joined";
	return "";
	}

function reason_words(reasons: vector of Reason): string_vec
	{
	local words: string_vec;
	for ( i in reasons )
		{
		local reason = reasons[i];
		local against = reason?$contribution && reason$contribution < 0.0;
		local code = ( against ? "-" : "" ) + reason$code;
		if ( i < max_reasons )
			words += sanitize(reason?$value ? fmt("%s=%.4g", code, reason$value) : code,
			    100);
		}
	return words;
	}

# The newest of the incidents that turned out to be the one of the message.
function joined_by(m: VerdictMessage): set[string]
	{
	local names: set[string];
	for ( i, name in m$joined )
		if ( i + max_joined >= |m$joined| )
			add names[name];
	return names;
	}

function verdict_of(m: VerdictMessage): Verdict
	{
	local proto = protos[m$proto];
	local rec = Verdict($ts=network_time(), $uid=sanitize(m$uid, 100), $id=conn_id(
	    $orig_h=to_addr(m$orig_h), $orig_p=count_to_port(m$orig_p, proto),
	    $resp_h=to_addr(m$resp_h), $resp_p=count_to_port(m$resp_p, proto)),
	    $proto=proto, $channel=m$channel, $resp=sanitize(m$resp, 253),
	    $conns=m$conns, $label=m$label, $observations=m$observations,
	    $needed=m$needed, $severity=sanitize(m$severity, 20),
	    $level=m$level, $suppressed=sanitize(m$suppressed, 100),
	    $reasons=reason_words(m$reasons), $model=sanitize(m$model, 100),
	    $summary=sanitize(m$summary, 1000), $seq=m$seq, $kind=m$kind,
	    $joined=joined_by(m));
	if ( m?$service )
		rec$service = sanitize(m$service, 253);
	if ( m$incident != "" )
		rec$incident = m$incident;
	if ( m?$score )
		rec$score = m$score;
	if ( m?$sleep )
		rec$sleep = double_to_interval(m$sleep);
	if ( m?$jitter )
		rec$jitter = m$jitter;
	return rec;
	}

# A verdict of the sidecar that serves this sensor was taken.
global verdict_taken: hook();

event verdict(message: string)
	{
	if ( ! publishing || ! is_ours("verdict", message) )
		return;
	local parsed = from_json(message, VerdictMessage);
	if ( ! is_read("verdict", parsed) )
		return;

	local m = parsed$v as VerdictMessage;
	local wrong = wrong_field(m);
	if ( wrong != "" )
		{
		complain("verdict", fmt("%s cannot be", wrong));
		return;
		}
	local rec = verdict_of(m);
	local shard = shard_of(rec$id$orig_h);
	if ( ! is_serving(m$sidecar, shard) )
		{
		complain("verdict", "its sidecar was not let in");
		return;
		}

	note_sidecar(shard);
	if ( m$node == node_name && m$boot == boot )
		settle(rec$id$orig_h, m$resp, rec$id$resp_p, m$channel, m$seq);
	if ( raises_notices )
		hook verdict_found(rec);
	hook verdict_taken();
	}
