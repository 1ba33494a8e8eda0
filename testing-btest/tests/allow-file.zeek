# @TEST-DOC: The allow-list file is in force from the first packet on: subnet, port, name and pair.
# @TEST-EXEC: zeek -b -r $TRACES/allowed.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason proto id.resp_h id.resp_p resp < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: btest-diff output

redef Beacons::allow_file = fmt("%s/allow.txt", getenv("FILES"));
