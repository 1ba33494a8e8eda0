# @TEST-DOC: A verdict on a pair that Zeek does not hold, or no longer, is logged and noticed like any other and settles nothing else.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: zeek-cut note src dst p < zeek/notice.log >> output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
candidate = zeek.next("candidate")
zeek.alert(candidate, orig_h="10.9.9.9", resp="never.example", node="proxy-7", boot="0", seq=99)
print(zeek.next("noticed")["orig_h"])
print("waiting for a verdict:", zeek.next("heartbeat")["outstanding"])
# Duplicates, a number that comes late, and one of another start of Zeek.
zeek.answer(candidate, seq=0)
zeek.answer(candidate, boot="0")
print("waiting for a verdict:", zeek.next("heartbeat") and zeek.next("heartbeat")["outstanding"])
zeek.answer(candidate)
zeek.answer(candidate)
zeek.next("heartbeat")
print("waiting for a verdict:", zeek.next("heartbeat")["outstanding"])
zeek.tell("end")
# @TEST-END-FILE
