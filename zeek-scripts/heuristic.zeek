##! A look at a candidate without a sidecar: how far its gaps lie from their median. A stopgap, off by default: on the
##! project's labelled captures it takes 5 of 15 command-and-control pairs with 20 connections or more for regular, and 155
##! of 602 benign ones (checks for updates, time, news).

@load ./main
@load ./sidecar

module Beacons;

export {
	## Whether candidates are looked at in the script, for sensors without a sidecar.
	option heuristic: bool = F;

	## Whether they are while the sidecar is lost.
	option heuristic_when_lost: bool = F;

	## Observations that the heuristic needs, at least 3.
	option heuristic_observations: count = 20;

	## Highest spread of the gaps around their median that counts as regular: median deviation over median, 0 to 1.
	option heuristic_spread: double = 0.15;

	## Shortest median gap that counts.
	option heuristic_gap: interval = 5secs;

	## A candidate looks regular. *gap*: the median gap. *spread*: median deviation from it over it.
	global suspected: event(rec: Candidate, gap: interval, spread: double);
}

function by_size(a: double, b: double): int
	{
	return a < b ? -1 : ( a > b ? 1 : 0 );
	}

function median(values: vector of double): double
	{
	local sorted = copy(values);
	sort(sorted, by_size);
	local n = |sorted|;
	return ( sorted[( n - 1 ) / 2] + sorted[n / 2] ) / 2.0;
	}

hook candidate_found(rec: Candidate)
	{
	if ( |rec$starts| < heuristic_observations
	    || ! ( heuristic || ( heuristic_when_lost && degraded(shard_of(rec$id$orig_h)) ) ) )
		return;

	local gaps: vector of double;
	local deviations: vector of double;
	local i = 1;
	while ( i < |rec$starts| )
		{
		gaps += rec$starts[i] - rec$starts[i - 1];
		++i;
		}
	local gap = median(gaps);
	if ( gap < interval_to_double(heuristic_gap) )
		return;

	for ( j in gaps )
		deviations += |gaps[j] - gap|;
	local spread = median(deviations) / gap;
	if ( spread <= heuristic_spread )
		event suspected(rec, double_to_interval(gap), spread);
	}
