# @TEST-DOC: A log_policy_verdicts hook can keep verdicts out of the log; log_beacon_verdicts and verdict_found see all.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT
# @TEST-EXEC: sort zeek/.stdout > output
# @TEST-EXEC: zeek-cut id.orig_h label < zeek/beacon_verdicts.log >> output
# @TEST-EXEC: btest-diff output

hook Beacons::log_policy_verdicts(rec: Beacons::Verdict, id: Log::ID, filter: Log::Filter)
	{
	if ( rec$label != "beacon" )
		break;
	}

hook Beacons::verdict_found(rec: Beacons::Verdict)
	{
	print "found", rec$id$orig_h, rec$label;
	}

event Beacons::log_beacon_verdicts(rec: Beacons::Verdict)
	{
	print "logged", rec$id$orig_h, rec$label;
	}

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
zeek.tell("feed 10.0.0.6 203.0.113.7 443/tcp 6")
zeek.answer(zeek.next("candidate"))
zeek.alert(zeek.next("candidate"))
zeek.next("noticed")
zeek.tell("end")
# @TEST-END-FILE
