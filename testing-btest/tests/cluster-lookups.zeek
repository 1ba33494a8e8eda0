# @TEST-DOC: In a cluster a pair has the name that a worker saw its responder looked up by; that it was not looked up is never said.
# @TEST-GROUP: cluster
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: PROXY_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-PORT: LOGGER_PORT
# @TEST-PORT: XPUB_PORT
# @TEST-PORT: XSUB_PORT
# @TEST-EXEC: $SCRIPTS/cluster manager logger proxy worker-1=lookups.pcap worker-2=worker_2.pcap -- Beacons::direction=Beacons::ANY Beacons::dns_channel=F
# @TEST-EXEC: zeek-cut reason id.orig_h resp id.resp_p conns dns_named dns_name < logger/beacon_candidates.log | grep final | grep -E '10.0.0.(9|8|7|11)' | sort > output
# @TEST-EXEC: btest-diff output
