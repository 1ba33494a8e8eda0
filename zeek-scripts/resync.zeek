##! Publishes again what has no verdict, when the sidecar asks for it or comes back: a batch at a time, so that neither
##! packets nor the sidecar have to wait.

@load ./main
@load ./wire
@load ./publish
@load ./track

module Beacons;

export {
	## Candidates published again in one go.
	const resync_batch = 25 &redef;

	## Pairs looked at for them in one go.
	const resync_looks = 1000 &redef;

	## The pause until the next ones.
	const resync_pause = 50msecs &redef;
}

type ResyncMessage: record {
	sidecar: string;
	node: string &default="";
	boot: string &default="";
	from: count &default=0;
	all: bool &default=F;
	shard: count &default=1;
};

# A way through all of a shard that has no verdict and a number from `least` to `until`; what is published again gets higher ones.
# *settled*: through all pairs at the gate as well.
type Pass: record {
	shard: count;
	least: count;
	until: count;
	settled: bool;
	# The pair that is looked at next, counted from 0.
	at: count &default=0;
};

# The sidecar that serves this sensor has asked for what it missed.
global resync_asked: hook();

# The pass under way, and one of each shard after it, which takes what is asked for meanwhile.
global passes: vector of Pass;

function is_due(orig_h: addr, number: count, pass: Pass): bool
	{
	return number >= pass$least
	    && number <= pass$until
	    && shard_of(orig_h) == pass$shard;
	}

# Publishes orphans again, at most so many. Returns how many.
function publish_orphans(pass: Pass, most: count): count
	{
	local n = 0;
	for ( _, orphan in orphans )
		if ( n < most && is_due(orphan$rec$id$orig_h, orphan$seq, pass) )
			{
			publish_candidate(orphan$rec);
			orphan$seq = progress[pass$shard]$seq;
			++n;
			}
	return n;
	}

# Goes on through the pairs, and publishes at most so many. One that takes the place of a pair dropped
# meanwhile may be missed; the sidecar asks again for what stays without a verdict.
function publish_pairs(pass: Pass, most: count)
	{
	local n = 0;
	local last = pass$at + resync_looks;
	while ( n < most && pass$at < |pairs| && pass$at < last )
		{
		local p = pairs[pass$at];
		local resp = resp_of(p);
		local waits = [p$orig_h, resp, p$resp_p, p$channel] in unanswered;
		if ( ( waits && is_due(p$orig_h, unanswered[p$orig_h, resp, p$resp_p,
		    p$channel], pass) )
		    || ( pass$settled && p$conns >= min_connections && shard_of(p$orig_h) == pass$shard ) )
			{
			emit(p, "requested");
			++n;
			}
		++pass$at;
		}
	}

event next_batch()
	{
	local pass = passes[0];
	# Without a sidecar all keep waiting for their verdict, and are asked for again.
	local here = sidecar_here(pass$shard);
	local n = here ? publish_orphans(pass, resync_batch) : 0;
	if ( here )
		publish_pairs(pass, resync_batch - n);
	if ( ! here || ( pass$at >= |pairs| && n < resync_batch ) )
		passes = passes[1:];

	if ( |passes| == 0 )
		return;
	if ( reading_traces() )
		event next_batch();
	else
		schedule resync_pause { next_batch() };
	}

function ask_for(shard: count, least: count, settled: bool)
	{
	local until = progress[shard]$seq + 1;
	for ( i, pass in passes )
		if ( i > 0 && pass$shard == shard )
			{
			pass$least = least < pass$least ? least : pass$least;
			pass$settled = settled || pass$settled;
			pass$until = until;
			return;
			}

	passes += Pass($shard=shard, $least=least, $until=until, $settled=settled);
	if ( |passes| > 1 )
		return;
	if ( reading_traces() )
		event next_batch();
	else
		schedule resync_pause { next_batch() };
	}

# A sidecar that comes back asks by itself only where it noticed that it was away.
hook sidecar_returned(shard: count)
	{
	if ( progress[shard]$waiting > 0 )
		ask_for(shard, progress[shard]$seq + 1, F);
	}

event resync(message: string)
	{
	if ( ! publishing || ! is_ours("resync", message) )
		return;
	local parsed = from_json(message, ResyncMessage);
	if ( ! is_read("resync", parsed) )
		return;

	local m = parsed$v as ResyncMessage;
	if ( ! is_shard("resync", m$shard) || ! is_serving(m$sidecar, m$shard - 1) )
		return;
	note_sidecar(m$shard - 1);
	if ( m$node in set("", node_name) && m$boot in set("", boot) )
		ask_for(m$shard - 1, m$from, m$all);
	hook resync_asked();
	}
