# @TEST-DOC: ZeroMQ cluster: two sidecars share the pairs of the proxy by their hosts; the proxy has the answers of both, and each pair that alerts has one notice.
# @TEST-GROUP: cluster
# @TEST-PORT: SIDECAR_PORT
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: PROXY_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-PORT: LOGGER_PORT
# @TEST-PORT: XPUB_PORT
# @TEST-PORT: XSUB_PORT
# @TEST-EXEC: btest-bg-run first "python3 $FILES/closed_loop.py 1/2"
# @TEST-EXEC: btest-bg-run second "python3 $FILES/closed_loop.py 2/2"
# @TEST-EXEC: $SCRIPTS/cluster manager logger proxy worker-1=worker_1.pcap worker-2=worker_2.pcap -- $FILES/zeromq.zeek $FILES/serve.zeek Beacons::direction=Beacons::ANY Beacons::shards=2
# @TEST-EXEC: cat first/.stdout second/.stdout > output
# @TEST-EXEC: zeek-cut note peer_descr id.orig_h id.resp_h sub < logger/notice.log | sed -e 's/score.*resp=/resp=/' -e 's/model.*//' | sort >> output
# @TEST-EXEC: zeek-cut id.orig_h resp label < logger/beacon_verdicts.log | grep beacon | sort -u >> output
# @TEST-EXEC: btest-diff output
