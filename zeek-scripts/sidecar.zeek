##! The sidecar of each shard: there as long as it is heard, lost after a time of silence.

@load ./main
@load ./wire
@load ./shards

module Beacons;

export {
	## Silence after which a sidecar is lost, at least 1 second.
	option sidecar_timeout: interval = 20secs;

	## Whether it is missed too where none has ever come.
	option sidecar_wanted: bool = F;

	## How often Zeek says that it is there.
	const heartbeat_interval = 5secs &redef;

	## Nothing was heard of a shard's sidecar (*name*; empty where none has ever come) for this long. *shard*: 1 to
	## :zeek:see:`Beacons::shards`. On the manager or the standalone Zeek.
	global sidecar_lost: event(name: string, silence: interval, shard: count);

	## It is heard again, or another one was let in.
	global sidecar_back: event(name: string, shard: count);
}

# The sidecar of a shard, as this node knows it.
type Served: record {
	# The one let in, on the node that does so; elsewhere empty.
	id: string &default="";
	name: string &default="";
	# When it was last heard of; time does not stand still here when packets do.
	heard: time &default=double_to_time(0.0);
	connected: bool &default=F;
	# Whether its connection was lost since its hello. What it sent before may come after that, and brings nobody back.
	gone: bool &default=F;
	reported_lost: bool &default=F;
};

# A WebSocket client that listens for candidates, and which sidecar it is; empty where not known.
type Client: record {
	shard: count;
	id: string &default="";
};

# By shard.
global served: vector of Served;
# By endpoint.
global clients: table[string] of Client;
global started: time;

# Whether a message says a shard that there is, counted from 1; complains where it does not.
function is_shard(kind: string, shard: count): bool
	{
	if ( shard >= 1 && shard <= |served| )
		return T;
	complain(kind, fmt("shard %d, expected 1 to %d", shard, |served|));
	return F;
	}

# Whether candidates of a shard reach a sidecar.
function sidecar_here(shard: count): bool
	{
	local s = served[shard];
	return s$connected
	    && ( reading_traces() || current_time() - s$heard < sidecar_timeout );
	}

# Whether a shard's sidecar should be there and is not.
function degraded(shard: count): bool
	{
	return publishing
	    && ! sidecar_here(shard)
	    && ( time_to_double(served[shard]$heard) > 0 || sidecar_wanted )
	    && current_time() - started >= sidecar_timeout;
	}

# A shard's sidecar came, or came back: what none could hear can be published now.
global sidecar_returned: hook(shard: count);

# The sidecar of a shard was heard.
function note_sidecar(shard: count)
	{
	local s = served[shard];
	if ( s$gone )
		return;
	local was_here = sidecar_here(shard);
	s$heard = current_time();
	s$connected = T;
	if ( s$reported_lost )
		{
		s$reported_lost = F;
		event sidecar_back(s$name, shard + 1);
		}
	if ( ! was_here )
		hook sidecar_returned(shard);
	}

# Whether a message comes from the sidecar that serves a shard. Only the node that let it in can tell.
function is_serving(id: string, shard: count): bool
	{
	return ! raises_notices || id == served[shard]$id;
	}

event Cluster::websocket_client_added(endpoint: Cluster::EndpointInfo,
    subscriptions: string_vec)
	{
	for ( shard in served )
		for ( _, topic in subscriptions )
			if ( topic == shard_topic(candidate_topic, shard, |served|) )
				clients[endpoint$id] = Client($shard=shard);
	}

# A sidecar said hello: it is its shard's one client not known yet. Where there are several, silence has to tell.
function know_client(id: string, shard: count)
	{
	local unknown: string_vec;
	for ( who, client in clients )
		if ( client$shard == shard && client$id == "" )
			unknown += who;
	if ( |unknown| == 1 )
		clients[unknown[0]]$id = id;
	}

event Cluster::websocket_client_lost(endpoint: Cluster::EndpointInfo,
    code: count, reason: string)
	{
	if ( endpoint$id !in clients )
		return;
	local lost_one = clients[endpoint$id];
	delete clients[endpoint$id];

	local s = served[lost_one$shard];
	for ( _, other in clients )
		# It may have come in again before its old connection was given up.
		if ( other$shard == lost_one$shard
		    && ( lost_one$id != s$id || other$id == s$id ) )
			return;
	s$connected = F;
	s$gone = T;
	}

function watch(shard: count)
	{
	local s = served[shard];
	local silence = current_time() - ( time_to_double(s$heard) > 0 ? s$heard :
	    started );
	if ( s$reported_lost
	    || silence < sidecar_timeout
	    || ( s$id == "" && ! sidecar_wanted ) )
		return;
	s$reported_lost = T;
	event sidecar_lost(s$name, silence, shard + 1);
	}

# Looks whether a sidecar is lost.
event watch_sidecars()
	{
	for ( shard in served )
		watch(shard);
	schedule heartbeat_interval { watch_sidecars() };
	}

event zeek_init() &priority=20
	{
	while ( |served| < shard_count() )
		served += Served();
	}

event zeek_init()
	{
	started = current_time();
	if ( publishing && raises_notices && ! reading_traces() )
		schedule heartbeat_interval { watch_sidecars() };
	}
