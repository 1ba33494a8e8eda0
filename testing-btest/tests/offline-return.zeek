# @TEST-DOC: With a trace, a sidecar that dies half way finds everything unanswered again when it comes back; nothing is noticed twice.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: btest-bg-run zeek "zeek -b -r $TRACES/names.pcap $PACKAGE %INPUT Beacons::offline_sidecar=T"
# @TEST-EXEC: btest-bg-run peer "PYTHONPATH=$FILES python3 ../steps.py"
# @TEST-EXEC: btest-bg-wait 120
# @TEST-EXEC: zeek-cut note src sub < zeek/notice.log | sed -e 's/score.* resp=/resp=/' -e 's/model.*//' | sort > output
# @TEST-EXEC: btest-diff output

redef Beacons::listen_port = to_port(getenv("SIDECAR_PORT"));

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer("a1")
zeek.hello()
zeek.send("resync")
zeek.alert(zeek.next("candidate"))
zeek.next("heartbeat")  # the trace is read
zeek.close()
zeek = peer.Peer("b2")
while not zeek.hello()["accepted"]:
    zeek.wait(0.1)
zeek.send("resync")
try:
    while True:
        zeek.alert(zeek.next("candidate"))
except EOFError:
    pass
# @TEST-END-FILE
