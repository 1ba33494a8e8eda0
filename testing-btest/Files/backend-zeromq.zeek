# ZeroMQ as a cluster's backend. In Zeek 8.0 what connects is a script of its own, which later ones call deprecated.
@load base/misc/version
@load frameworks/cluster/backend/zeromq

@if ( ! Version::at_least("8.1.0") )
@load frameworks/cluster/backend/zeromq/connect
@endif

module Cluster::Backend::ZeroMQ;

redef listen_xpub_endpoint = fmt("tcp://127.0.0.1:%d", port_to_count(to_port(getenv("XPUB_PORT"))));
redef listen_xsub_endpoint = fmt("tcp://127.0.0.1:%d", port_to_count(to_port(getenv("XSUB_PORT"))));
redef connect_xpub_endpoint = fmt("tcp://127.0.0.1:%d", port_to_count(to_port(getenv("XSUB_PORT"))));
redef connect_xsub_endpoint = fmt("tcp://127.0.0.1:%d", port_to_count(to_port(getenv("XPUB_PORT"))));
