# @TEST-DOC: What two workers see of a pair adds up on the proxy.
# @TEST-GROUP: cluster
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: PROXY_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-PORT: LOGGER_PORT
# @TEST-PORT: XPUB_PORT
# @TEST-PORT: XSUB_PORT
# @TEST-EXEC: $SCRIPTS/cluster manager logger proxy worker-1=lasting.pcap worker-2=lasting.pcap -- Beacons::direction=Beacons::ANY
# @TEST-EXEC: zeek-cut id.orig_h severity < logger/beacon_long.log | grep -v 10.0.0.10 | sort -u > output
# @TEST-EXEC: btest-diff output
