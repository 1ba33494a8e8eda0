# Serves a sidecar on the test's port.
redef Beacons::listen = T;
redef Beacons::listen_port = to_port(getenv("SIDECAR_PORT"));
redef Beacons::heartbeat_interval = 500msecs;
