# @TEST-DOC: Broker cluster: the connections of a pair that two workers see come together on the proxy.
# @TEST-GROUP: cluster
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: PROXY_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-EXEC: LOGGER_PORT= $SCRIPTS/cluster manager proxy worker-1=worker_1.pcap worker-2=worker_2.pcap -- Beacons::direction=Beacons::ANY
# @TEST-EXEC: zeek-cut reason id.orig_h resp conns named dropped starts < manager/beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: btest-diff output
