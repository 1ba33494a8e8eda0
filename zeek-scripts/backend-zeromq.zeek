##! ZeroMQ as what a plain Zeek publishes through: for one that is built without Broker, and for whoever loads this before
##! the package.

@load base/misc/version
@load frameworks/cluster/backend/zeromq

# Until 8.0 what connects is a script of its own.
@if ( ! Version::at_least("8.1.0") )
@load frameworks/cluster/backend/zeromq/connect
@endif

module Cluster::Backend::ZeroMQ;

# Sockets of this process alone: several Zeeks may run side by side.
const beacons_socket = fmt("/tmp/zeek-beacons-%d-%s", getpid(), unique_id(""));
redef listen_xpub_endpoint = "ipc://" + beacons_socket + "-xpub";
redef listen_xsub_endpoint = "ipc://" + beacons_socket + "-xsub";
redef connect_xpub_endpoint = "ipc://" + beacons_socket + "-xsub";
redef connect_xsub_endpoint = "ipc://" + beacons_socket + "-xpub";
redef run_proxy_thread = T;

# At the end of a trace all pairs go out at once, and none may be dropped. A sidecar that takes nothing is thrown out
# by the WebSocket within seconds.
redef xpub_sndhwm = 0;
redef xsub_rcvhwm = 0;
redef onloop_queue_hwm = 0;

# What was published last needs them no longer: it goes over connections that are open.
event zeek_done() &priority=-100
	{
	unlink(beacons_socket + "-xpub");
	unlink(beacons_socket + "-xsub");
	}
