# @TEST-DOC: A track_policy hook keeps connections from being tracked.
# @TEST-EXEC: zeek -b -r $TRACES/prevalence.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut id.resp_p reason < beacon_candidates.log | sort | uniq -c | sed 's/^ *//' > output
# @TEST-EXEC: btest-diff output

hook Beacons::track_policy(c: connection)
	{
	if ( c$id$resp_p == 80/tcp )
		break;
	}
