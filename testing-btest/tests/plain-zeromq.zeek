# @TEST-DOC: A Zeek by itself over ZeroMQ, as where it is built without Broker, or where zeekctl chooses that after the package is loaded.
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py $FILES/../../zeek-scripts/backend-zeromq.zeek %INPUT
# @TEST-EXEC: cat zeek/.stdout peer/.stdout > output
# @TEST-EXEC: zeek-cut note id.orig_h id.resp_h n < zeek/notice.log >> output
# @TEST-EXEC: test -z "$(ls /tmp | grep zeek-beacons-$(cat zeek/pid)-)"
# @TEST-EXEC: btest-diff output

event zeek_init()
	{
	print Cluster::backend;
	system(fmt("echo %d > pid", getpid()));
	}

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
print("accepted", zeek.hello()["accepted"])
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
zeek.alert(zeek.next("candidate"))
print("noticed", zeek.next("noticed")["orig_h"])
zeek.tell("end")
# @TEST-END-FILE
