##! What a plain Zeek publishes through. Since 8.1 it has no cluster backend, and what it publishes goes nowhere. One that
##! was chosen before this package is loaded stays, and so does that of a cluster.

@load base/frameworks/cluster
@load base/misc/version

@if ( Version::at_least("8.1.0") )
@if ( Cluster::backend == Cluster::CLUSTER_BACKEND_NONE && ! Cluster::is_enabled() )
# Broker's needs no port and no file. Zeek is about to be built without it.
@ifdef ( Cluster::CLUSTER_BACKEND_BROKER )
@load frameworks/cluster/backend/broker
@else
@load ./backend-zeromq
@endif
@endif
@endif
