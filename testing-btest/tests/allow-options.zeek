# @TEST-DOC: Subnets, ports and wildcard names of the options are never tracked; the wildcard covers its own domain.
# @TEST-EXEC: zeek -b -r $TRACES/allowed.pcap $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason proto id.resp_h id.resp_p resp < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: btest-diff output

redef Beacons::never_subnets += { 198.51.100.0/24 };
redef Beacons::never_ports += { 123/udp };
redef Beacons::never_names += { "*.update.example" };
