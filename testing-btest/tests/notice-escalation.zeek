# @TEST-DOC: An incident is noticed again at a higher level only; each verdict with a level is confirmed with the highest one noticed.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: zeek-cut note src sub < zeek/notice.log | sed -e 's/sleep.*//' >> output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
candidate = zeek.next("candidate")
for level in (2, 2, 3, 1, 4, 4):
    zeek.alert(candidate, level)
    print("verdict", level, "noticed", zeek.next("noticed")["level"])
zeek.tell("end")
# @TEST-END-FILE
