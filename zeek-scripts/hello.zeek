##! Lets the sidecar in: the manager or the standalone Zeek answers its hello. One sidecar serves a sensor.

@load ./main
@load ./wire
@load ./listen
@load ./sidecar

module Beacons;

# What Zeek reads of a sidecar's hello.
type SidecarHello: record {
	sidecar: string;
	name: string &default="";
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
};

# *v*: the version that the other side can read.
function answer_hello(v: count, id: string, refusal: string)
	{
	local message = HelloAnswer($v=v, $sidecar=id, $accepted=refusal == "",
	    $reason=refusal, $sensor=sensor, $node=node_name, $boot=boot,
	    $zeek=zeek_version(), $package=package_version);
	Cluster::publish(control_topic, hello, to_json(message));
	}

function accept(m: SidecarHello)
	{
	sidecar_id = m$sidecar;
	sidecar_name = sanitize(m$name, 200);
	gone = F;
	note_sidecar();
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

	know_client(m$sidecar);
	if ( v != wire_version )
		answer_hello(v < wire_version ? v : wire_version, m$sidecar, fmt(
		    "version %d of the contract, this Zeek speaks %d", v,
		    wire_version));
	else if ( sidecar_here() && m$sidecar != sidecar_id )
		answer_hello(wire_version, m$sidecar, fmt(
		    "sidecar %s (%s) serves this sensor", sidecar_id,
		    sidecar_name));
	else
		{
		accept(m);
		answer_hello(wire_version, m$sidecar, "");
		}
	}

event heartbeat(message: string)
	{
	if ( ! publishing || ! is_ours("heartbeat", message) )
		return;
	local parsed = from_json(message, SidecarHeartbeat);
	if ( ! is_read("heartbeat", parsed) )
		return;

	local m = parsed$v as SidecarHeartbeat;
	if ( is_serving(m$sidecar) && ! gone )
		note_sidecar();
	else
		answer_hello(wire_version, sanitize(m$sidecar, 64), sidecar_id == "" || gone ?
		    "no hello came" : fmt("sidecar %s (%s) serves this sensor",
		    sidecar_id, sidecar_name));
	}
