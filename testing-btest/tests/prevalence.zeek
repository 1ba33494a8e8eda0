# @TEST-DOC: A candidate says how many hosts talk to its responder, on any port, and how many talk at all.
# @TEST-EXEC: zeek -b -r $TRACES/prevalence.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason id.orig_h id.resp_h id.resp_p resp_hosts site_hosts < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: btest-diff output
