# @TEST-DOC: Refused: a second sidecar of a shard, one for another number of shards, one for all pairs; what cannot be a shard is told.
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py Beacons::shards=2 Beacons::sidecar_timeout=1hr
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: zeek-cut message < zeek/reporter.log | sort >> output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer


def told(one):
    answer = one.hello()
    print(one.id, one.shard, answer["accepted"], answer["reason"])


second = peer.Peer("a2", shard=(2, 2))
told(second)
told(peer.Peer("b2", shard=(2, 2)))
told(peer.Peer("a1", shard=(1, 2)))
told(peer.Peer("c1", shard=(2, 3)))
told(peer.Peer("d1"))
for shard, shards in ((0, 2), (3, 2), (1, 65)):
    second.send("hello", shard=shard, shards=shards)
for shard in (0, 3):
    second.send("heartbeat", shard=shard, queue=0, scored=0, dropped=0)
    second.send("resync", shard=shard)
second.next("heartbeat")
second.tell("end")
# @TEST-END-FILE
