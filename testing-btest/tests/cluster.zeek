# @TEST-DOC: The connections of a pair that two workers see come together on the proxy.
# @TEST-GROUP: cluster
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: PROXY_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-PORT: LOGGER_PORT
# @TEST-PORT: XPUB_PORT
# @TEST-PORT: XSUB_PORT
# @TEST-EXEC: $SCRIPTS/cluster manager logger proxy worker-1=worker_1.pcap worker-2=worker_2.pcap -- Beacons::direction=Beacons::ANY
# @TEST-EXEC: zeek-cut reason id.orig_h resp conns named dropped starts < logger/beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: btest-diff output
