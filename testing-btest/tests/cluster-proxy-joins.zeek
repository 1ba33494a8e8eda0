# @TEST-DOC: A proxy that joins and leaves moves pairs; no connection is lost or counted twice.
# @TEST-GROUP: cluster
# @TEST-PORT: MANAGER_PORT
# @TEST-PORT: PROXY_PORT
# @TEST-PORT: PROXY_2_PORT
# @TEST-PORT: WORKER_1_PORT
# @TEST-PORT: WORKER_2_PORT
# @TEST-PORT: LOGGER_PORT
# @TEST-PORT: XPUB_PORT
# @TEST-PORT: XSUB_PORT
# @TEST-EXEC: CONTROL=joining.zeek LATE=proxy-2 $SCRIPTS/cluster manager logger proxy proxy-2 worker-1 -- Beacons::direction=Beacons::ANY
# @TEST-EXEC: zeek-cut reason resp conns < logger/beacon_candidates.log | awk '$1 == "final" { sum[$2] += $3; ++lines[$2] } END { for (r in sum) print sum[r], (lines[r] > 1 ? "moved" : "stayed") }' | sort | uniq -c > counts
# @TEST-EXEC: awk '{ print "some", $3 ":", $2, "connections" }' counts > output
# @TEST-EXEC: awk '{ n += $1 } END { print n, "pairs" }' counts >> output
# @TEST-EXEC: btest-diff output
