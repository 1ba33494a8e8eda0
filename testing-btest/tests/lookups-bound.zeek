# @TEST-DOC: Answers remembered stay within their bound, the newest half at least stays, and 0 remembers none.
# @TEST-EXEC: zeek -b $PACKAGE %INPUT > output
# @TEST-EXEC: btest-diff output

module Beacons;

redef Beacons::max_answers = 1000;

event zeek_init()
	{
	local i = 0;
	local most = 0;
	while ( i < 5000 )
		{
		remember_lookup(10.0.0.5, counts_to_addr(vector(3405803776 + i)), Lookup(
		    $name="a.example", $since=1.0, $until=100.0, $last=1.0));
		if ( |lookups_a| + |lookups_b| > most )
			most = |lookups_a| + |lookups_b|;
		++i;
		}
	print fmt("within the bound: %s", most <= 1000);
	print "newest", looked_up(10.0.0.5, counts_to_addr(vector(3405803776 + 4999)),
	    50.0);
	print "500 ago", looked_up(10.0.0.5, counts_to_addr(vector(3405803776 + 4500)),
	    50.0);
	print "oldest", looked_up(10.0.0.5, counts_to_addr(vector(3405803776)), 50.0);

	i = 0;
	while ( i < 10000 )
		{
		remember_lookup(10.0.0.6, 203.0.113.9, Lookup($name=fmt("n%d.example", i),
		    $since=1.0 * i, $until=1.0 * i + 3600, $last=1.0 * i));
		++i;
		}
	local known = [10.0.0.6, 203.0.113.9] in lookups_a ? lookups_a[10.0.0.6,
	    203.0.113.9] : lookups_b[10.0.0.6, 203.0.113.9];
	print "earlier ones kept", |known$earlier|;
	print looked_up(10.0.0.6, 203.0.113.9, 9998.5), looked_up(10.0.0.6,
	    203.0.113.9, 5.0);
	}
