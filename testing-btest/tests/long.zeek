# @TEST-DOC: Connections that last, and pairs whose connections add up within a day: told when the severity rises, every hour, and at the end.
# @TEST-EXEC: zeek -b -r $TRACES/lasting.pcap $PACKAGE
# @TEST-EXEC: zeek-cut ts id.orig_h id.resp_h id.resp_p proto start duration is_open day_sum conns orig_bytes severity < beacon_long.log | sort > output
# @TEST-EXEC: btest-diff output
