# @TEST-DOC: A candidate is logged with all its observations, also where Zeek cuts the vectors of other logs.
# @TEST-EXEC: zeek -b $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut conns dropped starts durations orig_bytes resp_bytes states < beacon_candidates.log | awk -F '\t' '$1 == 512 { print $1, $2; for (i = 3; i <= 7; ++i) print split($i, each, ","); print gsub(/SF/, "", $7) }' > output
# @TEST-EXEC: btest-diff output

# Shorter than by default, so that little is enough to cut.
@ifdef ( Log::default_max_field_container_elements )
redef Log::default_max_field_container_elements = 3;
redef Log::default_max_total_container_elements = 10;
redef Log::default_max_total_string_bytes = 200;
@endif

module Beacons;

event zeek_init() &priority=-10
	{
	local i = 0;
	while ( i < 512 )
		{
		track(Observation($orig_h=10.0.0.5, $orig_p=40000/tcp, $resp_h=203.0.113.7, $resp_p=443/tcp, $uid="C1",
		    $name="", $service="ssl", $start=1700000000.0 + 60 * i, $duration=1.5, $orig_bytes=100, $resp_bytes=200,
		    $state="SF"), F);
		++i;
		}
	}
