##! Publishes again what has no verdict, when the sidecar asks for it or comes back: a batch at a time, so that neither
##! packets nor the sidecar have to wait.

@load ./main
@load ./wire
@load ./publish
@load ./track

module Beacons;

export {
	## Candidates published again in one go.
	const resync_batch = 50 &redef;

	## The pause until the next ones.
	const resync_pause = 100msecs &redef;
}

type ResyncMessage: record {
	sidecar: string;
	node: string &default="";
	boot: string &default="";
	from: count &default=0;
	all: bool &default=F;
};

# A pair to be published again; *settled*: also where it has its verdict.
type Request: record {
	orig_h: addr;
	resp: string;
	resp_p: port;
	settled: bool;
};

# What waits to be published, from `next_request` on, each pair once.
global requests: vector of Request;
global requested: set[addr, string, port];
global next_request: count = 0;

function request(orig_h: addr, resp: string, resp_p: port, settled: bool)
	{
	if ( [orig_h, resp, resp_p] in requested )
		return;
	add requested[orig_h, resp, resp_p];
	requests += Request($orig_h=orig_h, $resp=resp, $resp_p=resp_p,
	    $settled=settled);
	}

# Emits a pair again, where it is tracked.
function emit_one(orig_h: addr, resp: string, resp_p: port)
	{
	local place = place_of(orig_h, resp, resp_p);
	if ( place > 0 )
		emit(pairs[place - 1], "requested");
	}

# The verdict may have come while the pair waited.
function publish_again(r: Request)
	{
	if ( [r$orig_h, r$resp, r$resp_p] in orphans )
		{
		local orphan = orphans[r$orig_h, r$resp, r$resp_p];
		publish_candidate(orphan$rec);
		orphan$seq = seq;
		}
	if ( r$settled || [r$orig_h, r$resp, r$resp_p] in unanswered )
		emit_one(r$orig_h, r$resp, r$resp_p);
	}

event next_batch()
	{
	local left = resync_batch;
	# Without a sidecar they keep waiting for their verdict, and are asked for again.
	while ( sidecar_here() && next_request < |requests| && left > 0 )
		{
		local r = requests[next_request];
		delete requested[r$orig_h, r$resp, r$resp_p];
		publish_again(r);
		++next_request;
		--left;
		}

	if ( left == 0 && reading_traces() )
		event next_batch();
	else if ( left == 0 )
		schedule resync_pause { next_batch() };
	else
		{
		requests = vector();
		requested = set();
		next_request = 0;
		}
	}

# Requests what has no verdict and at least this number; all pairs at or above the gate with `settled`.
function request_all(least: count, settled: bool)
	{
	local idle = |requests| == 0;
	for ( [orig_h, resp, resp_p], number in unanswered )
		if ( number >= least )
			request(orig_h, resp, resp_p, settled);
	for ( [from_h, to, at], orphan in orphans )
		if ( orphan$seq >= least )
			request(from_h, to, at, F);

	if ( settled )
		for ( _, p in pairs )
			if ( p$conns >= min_connections )
				request(p$orig_h, resp_of(p), p$resp_p, T);

	if ( ! idle || |requests| == 0 )
		return;
	if ( reading_traces() )
		event next_batch();
	else
		schedule resync_pause { next_batch() };
	}

# A sidecar that comes back asks by itself only where it noticed that it was away.
function catch_up()
	{
	request_all(seq + 1, F);
	}

event resync(message: string)
	{
	if ( ! wired || ! is_ours("resync", message) )
		return;
	local parsed = from_json(message, ResyncMessage);
	if ( ! is_read("resync", parsed) )
		return;

	local m = parsed$v as ResyncMessage;
	if ( ! is_serving(m$sidecar) )
		return;
	note_sidecar();
	if ( m$node in set("", node_name) && m$boot in set("", boot) )
		request_all(m$from, m$all);
	}
