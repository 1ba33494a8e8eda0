##! Refuses option values that make no sense: at start-up Zeek stops, at run time the old value stays.

@load ./main
@load ./sidecar
@load ./notice
@load ./heuristic
@load ./allow-file

module Beacons;

# What is wrong with a value of an option, or "".
function problem_with(id: string, value: any): string
	{
	local least: table[string] of count = {
		["Beacons::min_connections"] = 3,
		["Beacons::max_observations"] = 8,
		["Beacons::max_pairs"] = 100,
		["Beacons::max_host_percent"] = 1,
		["Beacons::max_inbound_pairs"] = 1,
		["Beacons::max_answers"] = 0,
		["Beacons::max_owners"] = 0,
		["Beacons::max_polled"] = 0,
		["Beacons::max_total_observations"] = 8,
		["Beacons::exact_pairs"] = 0,
		["Beacons::heuristic_observations"] = 3
	};
	local shortest: table[string] of interval = {
		["Beacons::expire_after"] = 1min,
		["Beacons::sweep_interval"] = 1sec,
		["Beacons::candidate_interval"] = 1sec,
		["Beacons::long_after"] = 1min,
		["Beacons::poll_after"] = 0sec,
		["Beacons::poll_pause"] = 100msec,
		["Beacons::merge_gap"] = 0sec,
		["Beacons::sidecar_timeout"] = 1sec,
		["Beacons::allow_file_retry"] = 1sec,
		["Beacons::suppress_for"] = 1min
	};

	if ( id in least )
		{
		local number = value as count;
		if ( number < least[id] || number > 1000000000 )
			return fmt("%s is %d, expected %d to 1000000000", id, number, least[id]);
		if ( id == "Beacons::max_host_percent" && number > 100 )
			return fmt("%s is %d, expected 1 to 100", id, number);
		if ( id == "Beacons::min_connections" && number > max_observations )
			return fmt("%s is %d, over Beacons::max_observations (%d)", id, number,
			    max_observations);
		if ( id == "Beacons::max_total_observations" && number < max_observations )
			return fmt("%s is %d, below Beacons::max_observations (%d)", id, number,
			    max_observations);
		if ( id == "Beacons::max_observations" && number < min_connections )
			return fmt("%s is %d, below Beacons::min_connections (%d)", id, number,
			    min_connections);
		}

	if ( id in shortest )
		{
		local duration = value as interval;
		local longest = id == "Beacons::merge_gap" ? 1day : 365day;
		if ( duration < shortest[id] || duration > longest )
			return fmt("%s is %s, expected %s to %s", id, duration, shortest[id],
			    longest);
		}

	return "";
	}

function check_count(id: string, value: count): count
	{
	local problem = problem_with(id, value);
	if ( problem == "" )
		return value;
	Reporter::warning(fmt("%s; the old value stays", problem));
	return lookup_ID(id) as count;
	}

function check_interval(id: string, value: interval): interval
	{
	local problem = problem_with(id, value);
	if ( problem == "" )
		return value;
	Reporter::warning(fmt("%s; the old value stays", problem));
	return lookup_ID(id) as interval;
	}

const counts = vector("Beacons::min_connections", "Beacons::max_observations",
    "Beacons::max_pairs", "Beacons::max_host_percent",
    "Beacons::max_inbound_pairs", "Beacons::max_answers", "Beacons::max_owners",
    "Beacons::max_polled", "Beacons::max_total_observations",
    "Beacons::exact_pairs", "Beacons::heuristic_observations");
const intervals = vector("Beacons::expire_after", "Beacons::sweep_interval",
    "Beacons::candidate_interval", "Beacons::merge_gap", "Beacons::long_after",
    "Beacons::poll_after", "Beacons::poll_pause", "Beacons::sidecar_timeout",
    "Beacons::suppress_for", "Beacons::allow_file_retry");

# A redef bypasses change handlers.
function refuse(id: string)
	{
	local problem = problem_with(id, lookup_ID(id));
	if ( problem != "" )
		Reporter::fatal(problem);
	}

event zeek_init() &priority=10
	{
	for ( _, id in counts )
		{
		refuse(id);
		Option::set_change_handler(id, check_count, 10);
		}

	for ( _, name in intervals )
		{
		refuse(name);
		Option::set_change_handler(name, check_interval, 10);
		}

	if ( shards < 1 || shards > max_shards )
		Reporter::fatal(fmt("Beacons::shards is %d, expected 1 to %d", shards,
		    max_shards));

	if ( sketch_pairs < 1000 || sketch_pairs > 1000000000 )
		Reporter::fatal(fmt(
		    "Beacons::sketch_pairs is %d, expected 1000 to 1000000000",
		    sketch_pairs));
	}
