# @TEST-DOC: What a sidecar sent before its connection was lost may come after that: that does not bring it back, and the next one is let in.
# @TEST-EXEC: zeek -b $PACKAGE %INPUT > output
# @TEST-EXEC: btest-diff output

module Beacons;

redef exit_only_after_terminate = T;
redef Beacons::sidecar_timeout = 1hr;

const a1 = Cluster::EndpointInfo($id="1", $network=Cluster::NetworkInfo($address="127.0.0.1", $bound_port=40001/tcp));

event tell(what: string)
	{
	print what, served[0]$id, sidecar_here(0) ? "here" : "gone";
	if ( what == "b2 came" )
		terminate();
	}

event steps()
	{
	event Cluster::websocket_client_added(a1, vector(candidate_topic));
	event hello("{\"v\": 3, \"sidecar\": \"a1\"}");
	event tell("a1 came");
	event Cluster::websocket_client_lost(a1, 1006, "");
	event tell("a1 lost");
	event resync("{\"v\": 3, \"sidecar\": \"a1\"}");
	event heartbeat("{\"v\": 3, \"sidecar\": \"a1\"}");
	event tell("its last words");
	event hello("{\"v\": 3, \"sidecar\": \"b2\"}");
	event tell("b2 came");
	}

event zeek_init()
	{
	event steps();
	}
