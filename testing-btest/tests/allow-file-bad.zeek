# @TEST-DOC: A malformed allow-list file is reported with its line and allows nothing; so is a missing one.
# @TEST-EXEC: printf 'port 123/udp\nsubnet 10.0.0.0/33\nname bad\n' > bad.txt
# @TEST-EXEC: zeek -b -r $TRACES/allowed.pcap $PACKAGE %INPUT Beacons::allow_file=bad.txt 2> errors
# @TEST-EXEC: zeek-cut reason resp < beacon_candidates.log | grep -c final >> errors
# @TEST-EXEC: zeek -b -r $TRACES/allowed.pcap $PACKAGE %INPUT Beacons::allow_file=missing.txt 2>> errors
# @TEST-EXEC: sed -e '/processing/d' -e 's/.*lines* [-0-9]*: //' errors > output
# @TEST-EXEC: btest-diff output
