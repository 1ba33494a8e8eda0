# @TEST-DOC: Nothing of NetControl is used unless the recipe is loaded.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT
# @TEST-EXEC: zeek-cut note src dst < zeek/notice.log > output
# @TEST-EXEC: btest-diff output
# @TEST-EXEC: ! grep -q RULE zeek/netcontrol.log

@load base/frameworks/netcontrol

event NetControl::init()
	{
	NetControl::activate(NetControl::create_debug(T), 0);
	}

event NetControl::rule_new(r: NetControl::Rule)
	{
	Reporter::fatal("a rule was made");
	}

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
zeek.tell("feed 10.0.0.5 203.0.113.7 443/tcp 6")
zeek.alert(zeek.next("candidate"), 4)
zeek.next("noticed")
zeek.tell("end")
# @TEST-END-FILE
