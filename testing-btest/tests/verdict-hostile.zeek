# @TEST-DOC: Hostile strings in a verdict come out escaped and cut, in the notice and in the log.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py LogAscii::use_json=T
# @TEST-EXEC: python3 -c 'import json; n = json.loads(open("zeek/notice.log").readline()); v = json.loads(open("zeek/beacon_verdicts.log").readline()); print(n["msg"][:100], n["sub"], v["resp"], v["model"], v["reasons"][0], len(v["reasons"]), len(v["summary"]), sep="\n")' > output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
evil = 'a\x00\x1b[31m\n\v "},{"\\ \u202e\udcff'.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
zeek.alert(
    zeek.next("candidate"),
    resp=evil + "n" * 300,
    model=evil,
    summary=evil + "s" * 2_000,
    reasons=[{"code": evil, "text": evil}] * 50,
)
zeek.next("noticed")
zeek.tell("end")
# @TEST-END-FILE
