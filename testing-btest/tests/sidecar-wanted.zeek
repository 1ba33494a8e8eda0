# @TEST-DOC: Where no sidecar has ever come nothing is said, unless one is wanted.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: btest-bg-run plain "zeek -b $PACKAGE $FILES/live.zeek %INPUT"
# @TEST-EXEC: btest-bg-run wanted "zeek -b $PACKAGE $FILES/live.zeek %INPUT Beacons::sidecar_wanted=T"
# @TEST-EXEC: btest-bg-wait 120
# @TEST-EXEC: test ! -e plain/notice.log
# @TEST-EXEC: zeek-cut note msg < wanted/notice.log | sed -e 's/within [0-9]* s/within N s/' > output
# @TEST-EXEC: btest-diff output

redef Beacons::listen = F;
redef Beacons::sidecar_timeout = 1sec;

event end()
	{
	terminate();
	}

event Beacons::sidecar_lost(name: string, silence: interval, shard: count)
	{
	schedule 100msecs { end() };
	}

# Where one is wanted, the end is that it is missed.
event zeek_init()
	{
	if ( ! Beacons::sidecar_wanted )
		schedule 2sec { end() };
	}
