##! Lets the sidecar in: the manager or the standalone Zeek answers its hello. One sidecar serves a sensor, or one
##! of its shards.

@load ./main
@load ./wire
@load ./listen
@load ./sidecar

module Beacons;

# What Zeek reads of a sidecar's hello.
type SidecarHello: record {
	sidecar: string;
	name: string &default="";
	shard: count &default=1;
	shards: count &default=1;
};

# Zeek's answer.
type HelloAnswer: record {
	v: count &default=wire_version;
	sidecar: string;
	accepted: bool;
	reason: string;
	sensor: string;
	node: string;
	boot: string;
	zeek: string;
	package: string;
};

type SidecarHeartbeat: record {
	sidecar: string;
	shard: count &default=1;
};

# *v*: the version that the other side can read; *shard* and *among*: which sidecar it says to be.
function answer_hello(v: count, id: string, refusal: string, shard: count,
    among: count)
	{
	local message = HelloAnswer($v=v, $sidecar=id, $accepted=refusal == "",
	    $reason=refusal, $sensor=sensor, $node=node_name, $boot=boot,
	    $zeek=zeek_version(), $package=package_version);
	Cluster::publish(shard_topic(control_topic, shard, among), hello, to_json(
	    message));
	}

# Who serves a shard.
function server_of(shard: count): string
	{
	local s = served[shard];
	return |served| == 1 ? fmt("sidecar %s (%s) serves this sensor", s$id, s$name) :
	    fmt("sidecar %s (%s) serves shard %s of this sensor", s$id, s$name,
	    shard_name(shard, |served|));
	}

function accept(m: SidecarHello, shard: count)
	{
	local s = served[shard];
	s$id = m$sidecar;
	s$name = sanitize(m$name, 200);
	s$gone = F;
	note_sidecar(shard);
	}

# Why a sidecar that speaks this version is not let in, or "".
function refusal(m: SidecarHello): string
	{
	if ( m$shards != |served| )
		return fmt("the sidecar is for %s, and this Zeek has shards: %d (Beacons::shards)",
		    m$shards == 1 ? "all pairs" : fmt("shard %s", shard_name(
		    m$shard - 1, m$shards)), |served|);
	if ( sidecar_here(m$shard - 1) && m$sidecar != served[m$shard - 1]$id )
		return server_of(m$shard - 1);
	return "";
	}

event hello(message: string)
	{
	if ( ! publishing || ! raises_notices )
		return;
	local v = version_of("hello", message);
	if ( v == 0 )
		return;
	local parsed = from_json(message, SidecarHello);
	if ( ! is_read("hello", parsed) )
		return;

	local m = parsed$v as SidecarHello;
	if ( /[0-9a-fA-F]{1,64}/ != m$sidecar )
		{
		complain("hello", "sidecar is no hexadecimal number");
		return;
		}
	if ( m$shard < 1 || m$shard > m$shards || m$shards > max_shards )
		{
		complain("hello", "shard cannot be");
		return;
		}

	local shard = m$shard - 1;
	if ( m$shards == |served| )
		know_client(m$sidecar, shard);
	if ( v != wire_version )
		{
		answer_hello(v < wire_version ? v : wire_version, m$sidecar, fmt(
		    "version %d of the contract, this Zeek speaks %d", v,
		    wire_version), shard, m$shards);
		return;
		}
	local refused = refusal(m);
	if ( refused == "" )
		accept(m, shard);
	answer_hello(wire_version, m$sidecar, refused, shard, m$shards);
	}

event heartbeat(message: string)
	{
	if ( ! publishing || ! is_ours("heartbeat", message) )
		return;
	local parsed = from_json(message, SidecarHeartbeat);
	if ( ! is_read("heartbeat", parsed) )
		return;

	local m = parsed$v as SidecarHeartbeat;
	if ( ! is_shard("heartbeat", m$shard) )
		return;
	local shard = m$shard - 1;
	if ( is_serving(m$sidecar, shard) && ! served[shard]$gone )
		note_sidecar(shard);
	else
		answer_hello(wire_version, sanitize(m$sidecar, 64), served[shard]$id == "" ||
		    served[shard]$gone ? "no hello came" : server_of(shard),
		    shard, |served|);
	}
