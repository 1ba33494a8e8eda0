##! What the package holds and gives up, for Zeek's telemetry.

@load ./main
@load ./bounds
@load ./inbound
@load ./publish
@load ./owners
@load ./answers
@load ./sketch
@load base/frameworks/telemetry

module Beacons;

global pairs_gauge = Telemetry::register_gauge_family(Telemetry::MetricOpts(
    $prefix="zeek", $name="beacons_pairs", $unit="",
    $help_text="Pairs tracked"));
global observations_gauge = Telemetry::register_gauge_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_observations",
    $unit="", $help_text="Observations held by all pairs"));
global evicted_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_evicted_pairs",
    $unit="", $help_text="Pairs evicted to keep within Beacons::max_pairs and Beacons::max_inbound_pairs"));
global crowding_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek",
    $name="beacons_evicted_crowding_pairs", $unit="", $help_text="Of the pairs evicted, those of hosts with more than Beacons::max_host_percent of all"));
global sketch_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_sketch_restarts",
    $unit="", $help_text="How often Beacons::sketch_pairs pairs seen once were reached, and all of them forgotten"));
global answers_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_forgotten_answers",
    $unit="", $help_text="Answers of name servers forgotten to keep within Beacons::max_answers"));
global trimmed_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_trimmed_observations",
    $unit="", $help_text="Observations given up to keep within Beacons::max_total_observations"));
global candidates_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_candidates", $unit="",
    $label_names=vector("reason"), $help_text="Candidates emitted, by reason"));

global outstanding_gauge = Telemetry::register_gauge_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_outstanding", $unit="",
    $help_text="Candidates without a verdict"));
global lost_counter = Telemetry::register_counter_family(Telemetry::MetricOpts(
    $prefix="zeek", $name="beacons_lost_candidates", $unit="",
    $help_text="Candidates given up without a verdict"));
global refused_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_refused_messages",
    $unit="", $help_text="Messages from the sidecar that were refused"));

global names_counter = Telemetry::register_counter_family(Telemetry::MetricOpts(
    $prefix="zeek", $name="beacons_missed_names", $unit="",
    $help_text="Names asked for beyond Beacons::max_names_asked"));

global owners_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_forgotten_owners",
    $unit="", $help_text="Addresses whose owners were forgotten to keep within Beacons::max_owners"));
global left_behind_counter = Telemetry::register_counter_family(
    Telemetry::MetricOpts($prefix="zeek", $name="beacons_left_behind", $unit="", $help_text="Connections left out that began before their address had another network card"));

# Candidates emitted, by reason.
global emitted_for: table[string] of count &default=0;

hook candidate_found(rec: Candidate)
	{
	++emitted_for[rec$reason];
	}

hook Telemetry::sync()
	{
	local none: vector of string;
	for ( reason, n in emitted_for )
		Telemetry::counter_family_set(candidates_counter, vector(reason), n);
	Telemetry::gauge_family_set(pairs_gauge, none, |pairs|);
	Telemetry::gauge_family_set(observations_gauge, none, held);
	Telemetry::counter_family_set(evicted_counter, none, evicted +
	    evicted_inbound);
	Telemetry::counter_family_set(crowding_counter, none, evicted_crowding);
	Telemetry::counter_family_set(sketch_counter, none, sketch_restarts);
	Telemetry::counter_family_set(answers_counter, none, answers_forgotten);
	Telemetry::counter_family_set(trimmed_counter, none, trimmed);
	Telemetry::gauge_family_set(outstanding_gauge, none, outstanding());
	Telemetry::counter_family_set(lost_counter, none, lost());
	Telemetry::counter_family_set(refused_counter, none, bad_messages);
	Telemetry::counter_family_set(names_counter, none, names_missed);
	Telemetry::counter_family_set(owners_counter, none, owners_forgotten);
	Telemetry::counter_family_set(left_behind_counter, none, left_behind);
	}
