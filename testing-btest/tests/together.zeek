# @TEST-DOC: Candidates that come at once go out up to 64 in an event, and as many verdicts come back in one; each settles its pair.
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: zeek-cut label < zeek/beacon_verdicts.log | sort | uniq -c | sed 's/^ *//' >> output
# @TEST-EXEC: zeek-cut src < zeek/notice.log | wc -l | sed 's/^ */notices /' >> output
# @TEST-EXEC: btest-diff output

module Test;

event Test::run(words: string)
	{
	if ( words != "many" )
		return;
	local i = 0;
	while ( i < 70 )
		{
		feed(fmt("10.0.1.%d", ++i), "203.0.113.7", 443/tcp, Beacons::min_connections);
		}
	}

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.tell("many")
candidates = [zeek.next("candidate") for _ in range(70)]
print("candidates", len({one["orig_h"] for one in candidates}), "in events of", zeek.sizes["candidates"])
texts = [zeek.alert_text(one) if place < 10 else zeek.answer_text(one) for place, one in enumerate(candidates)]
zeek.send_texts("Beacons::verdicts", texts[:64])
zeek.send_texts("Beacons::verdicts", texts[64:])
confirmed = {zeek.next("noticed")["orig_h"] for _ in range(10)}
print("confirmed", len(confirmed), "in events of", zeek.sizes["confirmations"])
while zeek.next("heartbeat")["outstanding"]:
    pass
print("nothing is outstanding")
zeek.tell("end")
# @TEST-END-FILE
