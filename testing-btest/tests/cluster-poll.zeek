# @TEST-DOC: Exchanges inside connections that two workers see of one pair add up on the proxy.
# @TEST-GROUP: cluster
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: PROXY_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-PORT: LOGGER_PORT
# @TEST-PORT: XPUB_PORT
# @TEST-PORT: XSUB_PORT
# @TEST-EXEC: $SCRIPTS/cluster manager logger proxy worker-1=sessions.pcap worker-2=sessions.pcap -- base/protocols/http base/protocols/websocket Beacons::direction=Beacons::ANY Beacons::poll_channel=T
# @TEST-EXEC: zeek-cut reason channel id.orig_h proto service resp conns dropped first_ts last_ts < logger/beacon_candidates.log | grep poll | grep final | sort > output
# @TEST-EXEC: btest-diff output
