# @TEST-DOC: The sidecar is told of pairs that are connected for long; a name that attacks stays one.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: btest-diff output

event Test::run(words: string)
	{
	local word = split_string(words, / /);
	if ( word[0] != "look" )
		return;
	local minutes = to_double(word[2]);
	event Beacons::long_seen(Beacons::LongLook($ts=1700000000.0 + 60 * minutes, $uid=word[1], $id=conn_id(
	    $orig_h=10.0.0.5, $orig_p=40000/tcp, $resp_h=203.0.113.7, $resp_p=443/tcp), $proto=tcp, $service="ssl\"}\x01",
	    $name="c2.example", $start=1700000000.0, $duration=60 * minutes, $added=600.0, $orig_bytes=10, $resp_bytes=20,
	    $is_first=word[2] == "10", $is_open=word[3] == "T"));
	}

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
for minutes in range(10, 260, 10):
    zeek.tell(f"look C1 {minutes} T")
zeek.tell("look C1 255 F")
for _ in range(5):
    told = zeek.next("long")
    print(sorted(told.items()))
zeek.tell("end")
# @TEST-END-FILE
