# @TEST-DOC: With a sidecar, connections still open at the end of a trace are observed and judged before Zeek ends.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: btest-bg-run zeek "zeek -b -r $TRACES/left_open.pcap $PACKAGE %INPUT Beacons::offline_sidecar=T"
# @TEST-EXEC: btest-bg-run peer "PYTHONPATH=$FILES python3 ../steps.py"
# @TEST-EXEC: btest-bg-wait 120
# @TEST-EXEC: zeek-cut reason conns states durations < zeek/beacon_candidates.log > output
# @TEST-EXEC: zeek-cut conns label < zeek/beacon_verdicts.log >> output
# @TEST-EXEC: btest-diff output

redef Beacons::listen_port = to_port(getenv("SIDECAR_PORT"));

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.send("resync")
try:
    while True:
        zeek.answer(zeek.next("candidate"))
except EOFError:
    pass
# @TEST-END-FILE
