# @TEST-DOC: The allow-list file is reread when it changes; a malformed one leaves the last good one in force.
# @TEST-EXEC: printf 'port 123/udp\n' > list.txt
# @TEST-EXEC: printf 'port 123/udp\nsubnet 10.0.0.0/8\nname bad.example\n' > good
# @TEST-EXEC: printf 'port 123/udp\nport many\n' > bad
# @TEST-EXEC: btest-bg-run zeek "zeek -b $PACKAGE %INPUT > output 2> errors"
# @TEST-EXEC: btest-bg-wait 120
# @TEST-EXEC: sed -e 's/.*lines* [-0-9]*: //' -e '/termination/d' zeek/errors >> zeek/output
# @TEST-EXEC: btest-diff zeek/output

module Beacons;

redef exit_only_after_terminate = T;
redef Beacons::allow_file = "../list.txt";

global loads = 0;

event zeek_done()
	{
	print "at the end", |allowed$ports|, |allowed$subnets|, |allowed$names|;
	}

event end()
	{
	terminate();
	}

event Input::end_of_data(name: string, source: string) &priority=-10
	{
	if ( name != allow_stream )
		return;
	++loads;
	print loads, |allowed$ports|, |allowed$subnets|, |allowed$names|;
	if ( loads == 1 )
		system("cp ../good ../new && mv ../new ../list.txt");
	else if ( loads == 2 )
		system("cp ../bad ../new && mv ../new ../list.txt");
	else
		schedule 100msecs { end() };
	}
