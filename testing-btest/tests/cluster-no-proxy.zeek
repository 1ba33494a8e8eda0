# @TEST-DOC: Where no proxy is alive the manager owns the pairs. Over Broker: over ZeroMQ a worker whose trace ends at once is at times not heard.
# @TEST-GROUP: cluster
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-PORT: LOGGER_PORT
# @TEST-PORT: XPUB_PORT
# @TEST-PORT: XSUB_PORT
# @TEST-EXEC: PROXY_PORT= BACKEND=broker $SCRIPTS/cluster manager logger worker-1=worker_1.pcap worker-2=worker_2.pcap -- Beacons::direction=Beacons::ANY
# @TEST-EXEC: zeek-cut reason id.orig_h resp conns named dropped < logger/beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: btest-diff output
