# @TEST-DOC: Where no local networks are known, every direction is looked at.
# @TEST-EXEC: zeek -b -r $TRACES/directions.pcap $PACKAGE %INPUT
# @TEST-EXEC: $SCRIPTS/show reason id.orig_h id.resp_h conns > output
# @TEST-EXEC: btest-diff output

redef Site::local_nets = {};
