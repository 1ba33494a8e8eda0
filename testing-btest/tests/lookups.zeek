# @TEST-DOC: A pair has the name that its responder was looked up by, before the connection and not too long ago.
# @TEST-EXEC: zeek -b -r $TRACES/lookups.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason id.orig_h resp id.resp_p conns dns_named dns_name < beacon_candidates.log | grep final | grep 4444 | sort > output
# @TEST-EXEC: btest-diff output

redef Site::local_nets += {[2001:db8::]/48};
