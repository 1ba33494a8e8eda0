# @TEST-DOC: What two workers see of a pair adds up on the proxy.
# @TEST-GROUP: cluster
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: PROXY_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-EXEC: LOGGER_PORT= $SCRIPTS/cluster manager proxy worker-1=lasting.pcap worker-2=lasting.pcap -- Beacons::direction=Beacons::ANY
# @TEST-EXEC: zeek-cut id.orig_h severity < manager/beacon_long.log | grep -v 10.0.0.10 | sort -u > output
# @TEST-EXEC: btest-diff output
