# @TEST-DOC: A connection of a day that a worker sees makes its pair a candidate of the proxy while it is open, and at its end in the place of that.
# @TEST-GROUP: cluster
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: PROXY_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-PORT: LOGGER_PORT
# @TEST-PORT: XPUB_PORT
# @TEST-PORT: XSUB_PORT
# @TEST-EXEC: $SCRIPTS/cluster manager logger proxy worker-1=day.pcap worker-2=steady.pcap -- Beacons::direction=Beacons::ANY
# @TEST-EXEC: zeek-cut reason id.orig_h resp conns named starts durations orig_bytes states < logger/beacon_candidates.log | grep -v 203.0.113 | sort > output
# @TEST-EXEC: btest-diff output
