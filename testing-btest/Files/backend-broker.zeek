# Broker as a cluster's backend. Zeek 8.0 has no script for it, since there it is the default.
@load base/misc/version

@if ( Version::at_least("8.1.0") )
@load frameworks/cluster/backend/broker
@endif
