# @TEST-DOC: What server and client showed goes to the sidecar as beacon_candidates.log has it; what is not known is left out.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: btest-bg-run zeek "zeek -D -b -r $TRACES/presented.pcap base/protocols/ssl protocols/ssl/validate-certs $PACKAGE ../options.zeek Beacons::offline_sidecar=T"
# @TEST-EXEC: btest-bg-run peer "PYTHONPATH=$FILES python3 ../steps.py"
# @TEST-EXEC: btest-bg-wait 120
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE options.zeek
redef Beacons::listen_port = to_port(getenv("SIDECAR_PORT"));
# @TEST-END-FILE

# @TEST-START-FILE steps.py
import peer

SHOWN = ("cert_", "user_agent", "agent_hosts", "no_host")
told = {}
zeek = peer.Peer()
zeek.hello()
zeek.send("resync")
try:
    while True:
        candidate = zeek.next("candidate")
        told[candidate["orig_h"], candidate["resp"]] = candidate
        zeek.answer(candidate)
except EOFError:
    for key, candidate in sorted(told.items()):
        print(*key, {name: value for name, value in candidate.items() if name.startswith(SHOWN)})
# @TEST-END-FILE
