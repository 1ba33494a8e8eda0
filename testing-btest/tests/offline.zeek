# @TEST-DOC: With a sidecar wanted, a trace is read to one notice for each pair that alerts as a whole, and beacon_candidates.log is as without one.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: mkdir plain; cd plain; zeek -D -b -r $TRACES/names.pcap $PACKAGE ../options.zeek
# @TEST-EXEC: btest-bg-run zeek "zeek -D -b -r $TRACES/names.pcap $PACKAGE ../options.zeek Beacons::offline_sidecar=T"
# @TEST-EXEC: btest-bg-run peer "PYTHONPATH=$FILES python3 ../steps.py"
# @TEST-EXEC: btest-bg-wait 120
# @TEST-EXEC: for d in plain zeek; do grep -v '^#' $d/beacon_candidates.log | sort > $d/candidates; done; diff plain/candidates zeek/candidates
# @TEST-EXEC: for d in plain zeek; do grep -v '^#' $d/conn.log | sort > $d/connections; done; diff plain/connections zeek/connections
# @TEST-EXEC: zeek-cut note id.orig_h id.resp_h sub < zeek/notice.log | sed -e 's/conns.* resp=/resp=/' | sort > output
# @TEST-EXEC: wc -l < zeek/candidates >> output
# @TEST-EXEC: zeek-cut label < zeek/beacon_verdicts.log | sort | uniq -c >> output
# @TEST-EXEC: cat peer/.stdout >> output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE options.zeek
redef Beacons::listen_port = to_port(getenv("SIDECAR_PORT"));
redef LogAscii::use_json = F;
# @TEST-END-FILE

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.send("resync")
try:
    while True:
        candidate = zeek.next("candidate")
        # As a part it looked like one.
        if candidate["orig_h"] == "10.0.0.7" and candidate["reason"] == "final":
            zeek.answer(candidate)
        else:
            zeek.alert(candidate)
except EOFError:
    print("ended")
# @TEST-END-FILE
