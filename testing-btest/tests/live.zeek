# @TEST-DOC: Live, the sidecar is let in, gets the candidates of a pair at the gate and at each doubling, and its verdicts are logged.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: zeek-cut uid id.orig_h id.orig_p id.resp_h id.resp_p proto resp conns label score sleep jitter observations needed kind incident joined severity level suppressed reasons model summary < zeek/beacon_verdicts.log >> output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
answer = zeek.hello()
print({name: answer[name] for name in ("v", "sidecar", "accepted", "reason", "sensor", "node")})
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 14")
first = zeek.next("candidate")
print({name: value for name, value in first.items() if name not in ("boot", "ts")})
assert first["boot"] == answer["boot"]
zeek.answer(first)
second = zeek.next("candidate")
print(second["seq"], second["reason"], second["conns"])
zeek.alert(second, service="ssl")
print({name: value for name, value in zeek.next("noticed").items() if name != "boot"})
while zeek.next("heartbeat")["outstanding"]:
    pass
print({name: value for name, value in zeek.got["heartbeat"][-1].items() if name != "boot"})
zeek.tell("end")
# @TEST-END-FILE
