##! Shards: where one sidecar is not enough, several share a sensor's pairs, each those of some originators.
##!
##! All pairs of an originator are in one shard, and so are its groups, twins and incidents. Shards count from 0 in here,
##! and from 1 in what people and sidecars read.

module Beacons;

export {
	## Sidecars that share this sensor's pairs, 1 to 64. Which shard a pair is in depends on it, so it holds from the
	## start to the end of Zeek, on all nodes; a trace has one sidecar.
	const shards = 1 &redef;
}

const max_shards = 64;

# How many there are.
function shard_count(): count
	{
	return reading_traces() ? 1 : shards;
	}

# The shard of all pairs of an originator: evenly spread whatever the addresses have in common, and the same on each
# node and in each run.
function shard_of(orig_h: addr): count
	{
	if ( shard_count() == 1 )
		return 0;
	return bytestring_to_count(hexstr_to_bytestring(sub_bytes(sha256_hash(cat(
	    orig_h)), 1, 8))) % shards;
	}

# A shard as people read it: "2 of 4".
function shard_name(shard: count, among: count): string
	{
	return fmt("%d of %d", shard + 1, among);
	}

# A topic's part for one shard. Topics match by prefix, hence the closing slash.
function shard_topic(topic: string, shard: count, among: count): string
	{
	return among == 1 ? topic : fmt("%s%dof%d/", topic, shard + 1, among);
	}
