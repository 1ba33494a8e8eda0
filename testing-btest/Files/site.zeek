# Zeek counts the addresses of documentation, which the traces use for servers, as private and thus as local.
redef Site::private_address_space_is_local = F;
redef Site::local_nets += { 10.0.0.0/8 };

# Tests run side by side; those with a sidecar listen on ports of their own.
redef Beacons::listen = F;

# What the tests count is fixed, whatever the default is.
redef Beacons::min_connections = 6;
