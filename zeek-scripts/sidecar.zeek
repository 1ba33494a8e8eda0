##! The sidecar: there as long as it is heard, lost after a time of silence.

@load ./main
@load ./wire

module Beacons;

export {
	## Silence after which the sidecar is lost, at least 1 second.
	option sidecar_timeout: interval = 20secs;

	## Whether it is missed too where none has ever come.
	option sidecar_wanted: bool = F;

	## How often Zeek says that it is there.
	const heartbeat_interval = 5secs &redef;

	## Nothing was heard of the sidecar (*name*; empty where none has ever come) for this long. On the manager or
	## the standalone Zeek.
	global sidecar_lost: event(name: string, silence: interval);

	## It is heard again, or another one was let in.
	global sidecar_back: event(name: string);
}

# The sidecar let in, on the node that does so; elsewhere empty.
global sidecar_id = "";
global sidecar_name = "";
# The WebSocket clients that listen for candidates, by endpoint, and which sidecar each is; empty where not known.
global clients: table[string] of string;
# When it was last heard of; time does not stand still here when packets do.
global heard = double_to_time(0.0);
global connected = F;
# Whether its connection was lost since its hello. What it sent before may come after that, and brings nobody back.
global gone = F;
global started: time;
global reported_lost = F;

# Whether candidates reach a sidecar.
function sidecar_here(): bool
	{
	return connected
	    && ( reading_traces() || current_time() - heard < sidecar_timeout );
	}

# Whether a sidecar should be there and is not.
function degraded(): bool
	{
	return publishing
	    && ! sidecar_here()
	    && ( time_to_double(heard) > 0 || sidecar_wanted )
	    && current_time() - started >= sidecar_timeout;
	}

# The sidecar came, or came back: what no sidecar could hear can be published now.
global sidecar_returned: hook();

# The sidecar was heard.
function note_sidecar()
	{
	if ( gone )
		return;
	local was_here = sidecar_here();
	heard = current_time();
	connected = T;
	if ( reported_lost )
		{
		reported_lost = F;
		event sidecar_back(sidecar_name);
		}
	if ( ! was_here )
		hook sidecar_returned();
	}

# Whether a message comes from the sidecar that serves this sensor. Only the node that let it in can tell.
function is_serving(id: string): bool
	{
	return ! raises_notices || id == sidecar_id;
	}

event Cluster::websocket_client_added(endpoint: Cluster::EndpointInfo,
    subscriptions: string_vec)
	{
	for ( _, topic in subscriptions )
		if ( topic == candidate_topic )
			clients[endpoint$id] = "";
	}

# A sidecar said hello: it is the one client not known yet. Where there are several, silence has to tell.
function know_client(id: string)
	{
	local unknown: string_vec;
	for ( client, whose in clients )
		if ( whose == "" )
			unknown += client;
	if ( |unknown| == 1 )
		clients[unknown[0]] = id;
	}

event Cluster::websocket_client_lost(endpoint: Cluster::EndpointInfo,
    code: count, reason: string)
	{
	if ( endpoint$id !in clients )
		return;
	local whose = clients[endpoint$id];
	delete clients[endpoint$id];
	if ( whose != sidecar_id && |clients| > 0 )
		return;

	# It may have come in again before its old connection was given up.
	for ( _, other in clients )
		if ( other == sidecar_id )
			return;
	connected = F;
	gone = T;
	}

# Looks whether the sidecar is lost.
event watch_sidecar()
	{
	local silence = current_time() - ( time_to_double(heard) > 0 ? heard : started );
	if ( ! reported_lost
	    && silence >= sidecar_timeout
	    && ( sidecar_id != "" || sidecar_wanted ) )
		{
		reported_lost = T;
		event sidecar_lost(sidecar_name, silence);
		}
	schedule heartbeat_interval { watch_sidecar() };
	}

event zeek_init()
	{
	started = current_time();
	if ( publishing && raises_notices && ! reading_traces() )
		schedule heartbeat_interval { watch_sidecar() };
	}
