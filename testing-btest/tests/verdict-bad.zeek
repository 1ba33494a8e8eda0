# @TEST-DOC: Whatever comes as a verdict: each reason to refuse it is reported once, nothing is noticed, and a good one still counts.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT
# @TEST-EXEC: cat zeek/.stdout > output
# @TEST-EXEC: grep -o 'verdict from .*' zeek/.stderr | sort >> output
# @TEST-EXEC: zeek-cut src < zeek/notice.log >> output
# @TEST-EXEC: zeek-cut label < zeek/beacon_verdicts.log >> output
# @TEST-EXEC: btest-diff output

module Beacons;

event zeek_done()
	{
	print "refused", bad_messages;
	}

# @TEST-START-FILE steps.py
import json

import peer

zeek = peer.Peer()
zeek.hello()
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
candidate = zeek.next("candidate")
for text in ("", "null", "[]", "1", '"x"', "{", '{"v": 3', '{"v": 3}', '{"v": "1"}', '{"v": -1}', '{"v": 1.0}', '{"v": 1e999}'):
    zeek.send_text("Beacons::verdict", text)
zeek.send_text("Beacons::verdict", "[" * 60_000)
zeek.send_text("Beacons::verdict", '{"v": 3, "x": ' + "[" * 60_000)
zeek.send_text("Beacons::verdict", '{"v": 3, "x": "' + "x" * 1_000_000 + '"}')
zeek.send("verdict")
for field, value in {
    "v": 4,
    "sidecar": "b2",
    "orig_h": "nowhere",
    "resp_h": "",
    "orig_p": 65536,
    "proto": "sctp",
    "channel": "smoke",
    "label": "maybe",
    "score": 1.5,
    "jitter": -0.5,
    "sleep": -60,
    "level": 5,
    "seq": -1,
    "node": None,
    "kind": "two words",
    "incident": "C0FFEE",
    "joined": ["../etc"],
    "reasons": {"code": "x"},
}.items():
    for _ in range(3):
        zeek.alert(candidate, **{field: value})
zeek.alert(candidate, incident="")
zeek.alert(candidate, surprise={"deep": [1, None]})
zeek.next("noticed")
zeek.tell("end")
# @TEST-END-FILE
