# @TEST-DOC: A verdict with a level becomes one notice that says everything; the pair that does not beacon gets none.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py
# @TEST-EXEC: zeek-cut -n ts < zeek/notice.log > output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
zeek.tell("feed 10.0.0.6 203.0.113.7 443/tcp 6")
zeek.alert(zeek.next("candidate"), service="ssl")
zeek.answer(zeek.next("candidate"))
zeek.next("noticed")
zeek.tell("end")
# @TEST-END-FILE
