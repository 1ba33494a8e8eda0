# @TEST-DOC: With the compiled part of the tracker each trace has the candidates that it has without.
# @TEST-REQUIRES: zeek -N Beacons::Tracker
# @TEST-EXEC: $SCRIPTS/compiled-beside $PACKAGE %INPUT > output
# @TEST-EXEC: btest-diff output

redef Beacons::exact_pairs = 3;
redef Beacons::max_observations = 20;
