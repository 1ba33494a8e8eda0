# @TEST-DOC: A list that leaves out most of IPv4 is warned of once, by its name; half of it, or one port, is not.
# @TEST-EXEC: sh wide.sh > output
# @TEST-EXEC: btest-diff output

@TEST-START-FILE wide.sh
said()
	{
	echo "## $1"
	shift
	zeek -b -r $TRACES/allowed.pcap $PACKAGE "$@" 2>&1 | sed -n 's/.*warning in .*lines* [-0-9]*: //p'
	}

options()
	{
	echo "redef Beacons::never_subnets += { $1 };" > options.zeek
	said "$1" options.zeek
	}

file()
	{
	printf "$1\n" > allow.txt
	said "$1" Beacons::allow_file=allow.txt
	}

options '0.0.0.0/0'
options '[::]/0'
options '0.0.0.0/1, 128.0.0.0/2, 10.0.0.0/8'
options '0.0.0.0/1, 10.0.0.0/8'
options '0.0.0.0/1'
options '[2000::]/3'
file 'subnet 0.0.0.0/0'
file 'subnet 0.0.0.0/1\nsubnet 128.0.0.0/1'
file 'pair * * *'
file 'pair 0.0.0.0/0 * */udp'
file 'pair * * 123/udp'
file 'pair 10.0.0.0/8 * *'
@TEST-END-FILE
