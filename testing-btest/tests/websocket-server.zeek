# @TEST-DOC: Where Zeek's own script serves the WebSocket of a Zeek by itself, with the cluster backend that it chooses, the sidecar comes in there.
# @TEST-REQUIRES: test -e $(zeek-config --script_dir)/policy/frameworks/cluster/websocket/server.zeek
# @TEST-PORT: SIDECAR_PORT
# @TEST-PORT: XPUB_PORT
# @TEST-PORT: XSUB_PORT
# @TEST-EXEC: ZEEK_WEBSOCKET_LISTEN_PORT=$SIDECAR_PORT PACKAGE="frameworks/cluster/websocket/server $FILES/backend-zeromq.zeek $PACKAGE" $SCRIPTS/live steps.py
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: grep -c 'is taken' zeek/.stderr >> output || true
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
print("accepted", zeek.hello()["accepted"])
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
zeek.alert(zeek.next("candidate"))
print("noticed", zeek.next("noticed")["orig_h"])
zeek.tell("end")
# @TEST-END-FILE
