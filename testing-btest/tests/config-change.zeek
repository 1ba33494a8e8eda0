# @TEST-DOC: Options change at run time through the config framework; a bad value is refused and the old one stays.
# @TEST-EXEC: zeek -b -r $TRACES/steady.pcap $PACKAGE %INPUT 2> errors
# @TEST-EXEC: zeek-cut conns reason < beacon_candidates.log > output
# @TEST-EXEC: sed -e 's/^[0-9.]* //' errors | grep -o 'Beacons::.*' >> output
# @TEST-EXEC: btest-diff output

@load base/frameworks/config

global connections = 0;

event connection_state_remove(c: connection)
	{
	++connections;
	if ( connections == 3 )
		{
		Config::set_value("Beacons::min_connections", 10);
		Config::set_value("Beacons::min_connections", 0);
		Config::set_value("Beacons::expire_after", -1sec);
		}
	}
