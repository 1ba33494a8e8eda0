##! The WebSocket on which the sidecar comes in. It has no authentication, hence loopback.

@load ./main
@load ./wire

module Beacons;

export {
	## Whether the manager or the standalone Zeek opens a WebSocket for the sidecar. ``F`` where this Zeek serves
	## one already, for others too.
	const listen = T &redef;

	## Where it listens.
	const listen_address = 127.0.0.1 &redef;

	## The port it listens on.
	const listen_port = 27759/tcp &redef;

	## Certificate and key, for TLS.
	const listen_tls = Cluster::WebSocketTLSOptions() &redef;

	## Allows an address beyond loopback without TLS: whoever reaches the port can then raise notices.
	const listen_anywhere = F &redef;
}

# Opens the port; F where it is taken.
function open_websocket(ping: interval): bool
	{
	return Cluster::listen_websocket(Cluster::WebSocketServerOptions(
	    $listen_addr=listen_address, $listen_port=listen_port,
	    $ping_interval=ping, $tls_options=listen_tls));
	}

event open_port()
	{
	if ( ! open_websocket(Cluster::default_websocket_ping_interval) )
		Reporter::error(fmt("Beacons: no sidecar can come in, since %s:%d is taken; choose another Beacons::listen_port, or Beacons::listen=F where this Zeek serves a WebSocket there itself",
		    listen_address, port_to_count(listen_port)));
	}

event zeek_init()
	{
	if ( listen_address !in 127.0.0.0/8
	    && listen_address != [::1]
	    && ! listen_tls?$cert_file
	    && ! listen_anywhere )
		Reporter::fatal(fmt("Beacons::listen_address is %s: without TLS (Beacons::listen_tls) whoever reaches it can raise notices; Beacons::listen_anywhere=T allows that",
		    listen_address));

	# `zeekctl check` runs a Zeek beside the one that has the port. In zeek_init a port that is taken would end Zeek.
	if ( listen
	    && raises_notices
	    && ! reading_traces()
	    && getenv("ZEEKCTL_DISABLE_LISTEN") == "" )
		schedule 0sec { open_port() };
	}
