# @TEST-DOC: Where this Zeek serves a WebSocket on the port already, with the same options or others, the sidecar comes in there.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT Test::queue=32
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: grep -c 'is taken' zeek/.stderr >> output || true
# @TEST-EXEC: rm -r zeek peer .btest-bg* ; $SCRIPTS/live steps.py %INPUT Test::queue=99
# @TEST-EXEC: cat peer/.stdout >> output
# @TEST-EXEC: grep -c 'is taken' zeek/.stderr >> output || true
# @TEST-EXEC: btest-diff output

module Test;

export {
	const queue = 0 &redef;
}

event zeek_init()
	{
	Cluster::listen_websocket(Cluster::WebSocketServerOptions($listen_addr=127.0.0.1,
	    $listen_port=to_port(getenv("SIDECAR_PORT")), $max_event_queue_size=queue));
	}

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
print("accepted", zeek.hello()["accepted"])
zeek.next("heartbeat")
zeek.next("heartbeat")
zeek.tell("end")
# @TEST-END-FILE
