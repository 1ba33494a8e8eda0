# @TEST-DOC: A sidecar that was only silent, and does not know it, still gets what it could not hear.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py Beacons::sidecar_timeout=1sec
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.wait(1.5)
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
zeek.next("heartbeat")
beat = zeek.next("heartbeat")
while not beat["outstanding"]:
    beat = zeek.next("heartbeat")
print("published", beat["seq"], "outstanding", beat["outstanding"], "candidates", len(zeek.got.get("candidate", [])))
zeek.send("heartbeat", queue=0, scored=0, dropped=0)
candidate = zeek.next("candidate")
print(candidate["seq"], candidate["reason"], candidate["conns"])
zeek.tell("end")
# @TEST-END-FILE
