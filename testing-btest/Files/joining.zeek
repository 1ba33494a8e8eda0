# A cluster whose second proxy joins late and leaves early, while worker-1 hands over connections of 20 pairs: 6 of each
# before it joins, 6 while it is there, 6 after it has left.

@load base/frameworks/cluster

module Beacons;

redef Log::default_rotation_interval = 0secs;
redef exit_only_after_terminate = T;
redef Cluster::retry_interval = 200msecs;
redef Broker::default_connect_retry = 200msecs;
redef Log::flush_interval = 100msecs;
redef Log::write_buffer_size = 1;

global leave: event();
global finish: event();
global feeds = 0;

event end()
	{
	terminate();
	}

event leave()
	{
	terminate();
	}

# Who logs ends last.
event finish()
	{
	schedule Cluster::local_node_type() == Cluster::PROXY ? 0secs : 3secs { end() };
	}

event feed()
	{
	local n = 0;
	while ( n < 120 )
		{
		hand_over(Observation($orig_h=10.0.0.5, $orig_p=1025/tcp,
		    $resp_h=counts_to_addr(vector(755 * 1000000 + n % 20)), $resp_p=443/tcp, $uid="C1", $name="", $service="",
		    $start=1700000000.0 + feeds * 1000 + n / 20 * 60, $state="SF"), F);
		++n;
		}
	++feeds;
	if ( feeds == 1 )
		system("touch ../start-late");
	if ( feeds == 2 )
		Cluster::publish(Cluster::node_topic("proxy-2"), leave);
	if ( feeds == 3 )
		{
		Cluster::publish(Cluster::proxy_topic, finish);
		Cluster::publish(Cluster::manager_topic, finish);
		Cluster::publish(Cluster::logger_topic, finish);
		schedule 1sec { end() };
		}
	}

event Cluster::node_up(name: string, id: string)
	{
	if ( Cluster::node == "worker-1" && name in set("proxy", "proxy-2") )
		schedule 1sec { feed() };
	}

event Cluster::node_down(name: string, id: string)
	{
	if ( Cluster::node == "worker-1" && name == "proxy-2" )
		event feed();
	}
