# @TEST-DOC: A log_policy hook can keep candidates out of the log; log_beacon_candidates sees those that are logged.
# @TEST-EXEC: zeek -b -r $TRACES/prevalence.pcap $PACKAGE %INPUT | sort > output
# @TEST-EXEC: $SCRIPTS/show reason id.orig_h id.resp_h >> output
# @TEST-EXEC: btest-diff output

hook Beacons::log_policy(rec: Beacons::Candidate, id: Log::ID, filter: Log::Filter)
	{
	if ( rec$reason != "gate" || rec$id$resp_p != 4444/tcp )
		break;
	}

event Beacons::log_beacon_candidates(rec: Beacons::Candidate)
	{
	print "logged", rec$id$orig_h;
	}
