@load frameworks/cluster/backend/zeromq/connect

module Cluster::Backend::ZeroMQ;

redef listen_xpub_endpoint = fmt("tcp://127.0.0.1:%d", port_to_count(to_port(getenv("XPUB_PORT"))));
redef listen_xsub_endpoint = fmt("tcp://127.0.0.1:%d", port_to_count(to_port(getenv("XSUB_PORT"))));
redef connect_xpub_endpoint = fmt("tcp://127.0.0.1:%d", port_to_count(to_port(getenv("XSUB_PORT"))));
redef connect_xsub_endpoint = fmt("tcp://127.0.0.1:%d", port_to_count(to_port(getenv("XPUB_PORT"))));
