# @TEST-DOC: A sidecar whose connection stands but which is silent for sidecar_timeout gives way to another, and is told so when it speaks again.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py Beacons::sidecar_timeout=1sec
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

first, second = peer.Peer("a1"), peer.Peer("b2")
print("a1", first.hello()["accepted"])
while not (answer := second.hello())["accepted"]:
    print("b2", answer["accepted"]) if len(second.got["hello"]) == 1 else None
    second.wait(0.1)
print("b2", answer["accepted"])
first.send("heartbeat", queue=0, scored=0, dropped=0)
while (answer := first.next("hello"))["sidecar"] != "a1":
    pass
print("a1", answer["accepted"], answer["reason"])
first.tell("end")
# @TEST-END-FILE
