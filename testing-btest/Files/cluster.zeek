# What the nodes of a test cluster do: workers start to read their trace once everybody is there; a proxy ends after the
# workers, the manager after the proxy, and the logger after the manager, which may have pairs to log at its end.

@load base/frameworks/cluster

redef Log::default_rotation_interval = 0secs;
redef exit_only_after_terminate = T;
redef Cluster::retry_interval = 200msecs;
redef Broker::default_connect_retry = 200msecs;
redef Log::flush_interval = 100msecs;
redef Log::write_buffer_size = 1;

const others = set(Cluster::MANAGER, Cluster::PROXY, Cluster::LOGGER);
global ready: event(name: string);
global prepared: set[string];
global up: set[string];
global gone: set[string];

function nodes_of(wanted: set[Cluster::NodeType]): set[string]
	{
	local names: set[string];
	for ( name, node in Cluster::nodes )
		if ( node$node_type in wanted && name != Cluster::node )
			add names[name];
	return names;
	}

function nearly_all_gone(): bool
	{
	local before: set[string];
	if ( Cluster::local_node_type() == Cluster::PROXY )
		before = nodes_of(set(Cluster::WORKER));
	else
		before = nodes_of(set(Cluster::WORKER, Cluster::PROXY));
	return |before - gone| == 0;
	}

event end()
	{
	terminate();
	}

# Over ZeroMQ nobody hears of the manager's end: what all talk over ends with it. btest leaves a file there.
event await_manager()
	{
	if ( file_size("../manager/.exitcode") < 0 )
		schedule 100msecs { await_manager() };
	else
		schedule 1sec { end() };
	}

event zeek_init()
	{
	if ( Cluster::local_node_type() == Cluster::WORKER )
		suspend_processing();
	}

# A worker of a live cluster does not end by itself.
event Pcap::file_done(path: string)
	{
	terminate();
	}

event ready(name: string)
	{
	add prepared[name];
	if ( |nodes_of(others) - prepared| == 0 )
		continue_processing();
	}

# A worker may start when everybody else knows everybody, lest it be gone before it was known to be there.
event Cluster::node_up(name: string, id: string)
	{
	add up[name];
	if ( Cluster::local_node_type() in others && |nodes_of(others | set(Cluster::WORKER)) - up| == 0 )
		Cluster::publish(Cluster::worker_topic, ready, Cluster::node);
	}

event Cluster::node_down(name: string, id: string)
	{
	add gone[name];
	if ( ! nearly_all_gone() )
		return;
	# What the node sent last may still be under way.
	if ( Cluster::local_node_type() == Cluster::LOGGER )
		event await_manager();
	else
		schedule 2secs { end() };
	}
