# @TEST-DOC: A wrong option value ends Zeek at start-up with the option's name.
# @TEST-EXEC: for v in min_connections=2 min_connections=600 max_observations=4 max_pairs=0 max_total_observations=1 sweep_interval=0sec "expire_after=-1sec" merge_gap=2days sketch_pairs=0 sidecar_timeout=0sec suppress_for=1sec heuristic_observations=2 allow_file_retry=0sec listen_address=0.0.0.0; do zeek -b $PACKAGE "Beacons::$v" 2>&1 && echo "$v was taken"; done | grep -o 'Beacons::.*' > output
# @TEST-EXEC: btest-diff output
