# @TEST-DOC: In a cluster a pair has the name of its originator's host by a lease that another worker saw.
# @TEST-GROUP: cluster
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: PROXY_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-PORT: LOGGER_PORT
# @TEST-PORT: XPUB_PORT
# @TEST-PORT: XSUB_PORT
# @TEST-EXEC: $SCRIPTS/cluster manager logger proxy worker-1=leases.pcap worker-2=worker_2.pcap -- Beacons::direction=Beacons::ANY
# @TEST-EXEC: zeek-cut reason id.orig_h resp id.resp_p conns traits < logger/beacon_candidates.log | grep final | grep -E '10.0.0.5.*4444' > output
# @TEST-EXEC: btest-diff output
