# @TEST-DOC: What no sidecar could hear is published when one comes, under new numbers; what has its verdict is not, unless all is asked for.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

def show(*candidates):
    for c in sorted(candidates, key=lambda c: c["orig_h"]):
        print(c["orig_h"], c["conns"], c["reason"])

zeek = peer.Peer()
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
zeek.tell("feed 10.0.0.6 203.0.113.7 443/tcp 20")
zeek.tell("feed 10.0.0.7 203.0.113.7 443/tcp 5")
beat = zeek.next("heartbeat")
print("nobody there: published", beat["seq"], "outstanding", zeek.next("heartbeat")["outstanding"])
# The hello asks too. To ask once more would bring the same candidates twice wherever the machine is busy.
hello = zeek.hello()
found = zeek.next("candidate"), zeek.next("candidate")
show(*found)
print("numbers", [c["seq"] for c in found])

print("asked again from 2, answered 1")
zeek.answer(found[0])
zeek.send("resync", **{"node": hello["node"], "boot": hello["boot"], "from": 2})
again = zeek.next("candidate")
assert again["orig_h"] == found[1]["orig_h"]
print("number", again["seq"])

print("not asked: another node, another start, a higher number")
zeek.send("resync", node="proxy-9", all=True)
zeek.send("resync", boot="0", all=True)
zeek.send("resync", **{"from": 4})
zeek.answer(again)
while (beat := zeek.next("heartbeat"))["outstanding"]:
    pass
print("published", beat["seq"], "outstanding", beat["outstanding"])

print("all")
zeek.send("resync", all=True)
show(zeek.next("candidate"), zeek.next("candidate"))
zeek.tell("end")
# @TEST-END-FILE
