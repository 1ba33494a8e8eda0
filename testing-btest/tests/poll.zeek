# @TEST-DOC: Exchanges inside connections that stay open: WebSocket, UDP, ICMP, a chat, and a connection that never pauses; off, and within a bound.
# @TEST-EXEC: zeek -b -r $TRACES/sessions.pcap base/protocols/http base/protocols/websocket $PACKAGE Beacons::poll_channel=T
# @TEST-EXEC: zeek-cut reason channel id.orig_h proto service resp conns first_ts last_ts < beacon_candidates.log | grep poll | grep final | sort > output
# @TEST-EXEC: zeek-cut channel id.orig_h starts orig_bytes resp_bytes states reason < beacon_candidates.log | grep poll | grep gate | sort >> output
# @TEST-EXEC: rm *.log; zeek -b -r $TRACES/sessions.pcap $PACKAGE
# @TEST-EXEC-FAIL: cat beacon_candidates.log
# @TEST-EXEC: zeek -b -r $TRACES/sessions.pcap $PACKAGE Beacons::poll_channel=T Beacons::max_polled=1
# @TEST-EXEC: zeek-cut reason channel id.orig_h < beacon_candidates.log | grep poll | grep final >> output
# @TEST-EXEC: zeek-cut message < reporter.log | grep max_polled >> output
# @TEST-EXEC: btest-diff output
