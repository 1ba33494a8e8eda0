# @TEST-DOC: One sidecar a sensor: a second one is refused, what it says does not count, and it takes over when the first is gone.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

second = peer.Peer("b2")
print("b2", second.hello()["accepted"])
first = peer.Peer("a1")
print("a1", first.hello()["accepted"], first.got["hello"][-1]["reason"])
second.close()
while not (answer := first.hello())["accepted"]:
    first.wait(0.05)
print("a1", answer["accepted"])
third = peer.Peer("c3")
third.send("heartbeat", queue=0, scored=0, dropped=0)
answer = third.next("hello")
print("c3", answer["accepted"], answer["reason"])
print("a1 again", first.hello()["accepted"])
first.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
third.alert(first.next("candidate"))
first.next("heartbeat")
print("waiting for a verdict:", first.next("heartbeat")["outstanding"])
first.tell("end")
# @TEST-END-FILE
