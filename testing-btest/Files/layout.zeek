# Manager, two workers and, where they have a port, proxies and a logger.
redef Cluster::nodes = {
	["manager"] = [$node_type=Cluster::MANAGER, $ip=127.0.0.1, $p=to_port(getenv("MANAGER_PORT"))],
	["worker-1"] = [$node_type=Cluster::WORKER, $ip=127.0.0.1, $p=to_port(getenv("WORKER_1_PORT")), $manager="manager"],
	["worker-2"] = [$node_type=Cluster::WORKER, $ip=127.0.0.1, $p=to_port(getenv("WORKER_2_PORT")), $manager="manager"],
};

@if ( getenv("PROXY_PORT") != "" )
redef Cluster::nodes += {
	["proxy"] = [$node_type=Cluster::PROXY, $ip=127.0.0.1, $p=to_port(getenv("PROXY_PORT")), $manager="manager"],
};
@endif

@if ( getenv("PROXY_2_PORT") != "" )
redef Cluster::nodes += {
	["proxy-2"] = [$node_type=Cluster::PROXY, $ip=127.0.0.1, $p=to_port(getenv("PROXY_2_PORT")), $manager="manager"],
};
@endif

@if ( getenv("LOGGER_PORT") != "" )
redef Cluster::manager_is_logger = F;
redef Cluster::nodes += {
	["logger"] = [$node_type=Cluster::LOGGER, $ip=127.0.0.1, $p=to_port(getenv("LOGGER_PORT")), $manager="manager"],
};
@endif
