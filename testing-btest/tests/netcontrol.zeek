# @TEST-DOC: With the recipe loaded NetControl drops what is critical, once for a host and a server, and not what is less, local or exempt; a later benign verdict takes it back.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py $FILES/../../zeek-scripts/netcontrol.zeek %INPUT
# @TEST-EXEC: grep '^rule' zeek/.stdout > output
# @TEST-EXEC: zeek-cut note src dst msg < zeek/notice.log | grep -E 'Dropped' | sed -e 's/: .* checks in.*//' >> output
# @TEST-EXEC: btest-diff output
# @TEST-EXEC-FAIL: zeek -b $PACKAGE $FILES/../../zeek-scripts/netcontrol.zeek Beacons::drop_from_level=0 2> refused
# @TEST-EXEC: grep -q 'Beacons::drop_from_level is 0, expected 1 to 5' refused

redef Beacons::never_drop += { 203.0.113.99/32 };
redef Beacons::max_drops = 2;

event NetControl::init()
	{
	NetControl::activate(NetControl::create_debug(T), 0);
	}

event NetControl::rule_added(r: NetControl::Rule, p: NetControl::PluginState, msg: string)
	{
	print fmt("rule added: %s, %s from %s to %s for %s, %s", r$ty, r$target, r$entity$flow$src_h, r$entity$flow$dst_h,
	    r$expire, r$location);
	}

event NetControl::rule_removed(r: NetControl::Rule, p: NetControl::PluginState, msg: string)
	{
	print fmt("rule removed: %s to %s", r$entity$flow$src_h, r$entity$flow$dst_h);
	}

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()


def candidate(host, server, port=443):
    zeek.tell(f"feed 10.0.0.{host} {server} {port}/tcp 6")
    return zeek.next("candidate")


def alert(one, level, **fields):
    zeek.alert(one, level, **fields)
    zeek.next("noticed")


alert(candidate(4, "203.0.113.7"), 3, incident="99")  # not severe enough
first = candidate(5, "203.0.113.7")
alert(first, 4, incident="aa")
alert(first, 4, incident="aa")  # is dropped already
other = candidate(5, "203.0.113.7", 8443)
alert(other, 4, incident="aa")  # the same two hosts
alert(candidate(5, "10.0.0.9"), 4, incident="bb")  # local
alert(candidate(5, "203.0.113.99"), 4, incident="cc")  # never
zeek.answer(first)  # the other port still beacons
alert(candidate(6, "203.0.113.7"), 4, incident="ee")
zeek.answer(other)  # now nothing does
alert(candidate(7, "203.0.113.7"), 4, incident="ff")
alert(candidate(8, "203.0.113.7"), 4, incident="ab")  # one too many
zeek.tell("end")
# @TEST-END-FILE
