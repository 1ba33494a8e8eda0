##! Channel proxy: what a client reaches through a proxy.
##!
##! A request for an absolute URI is an observation of the pair with the server and port that it names; so is each
##! connection that a CONNECT turned into a tunnel. The proxy is the address of such pairs.

@load ./main
@load ./names
@load base/protocols/http

module Beacons;

export {
	## Whether servers behind proxies are tracked as pairs of their own.
	option proxy_channel: bool = T;

	redef record connection += {
		## What the first CONNECT asked for; empty where the proxy was only asked for absolute URIs.
		beacons_proxied: string &optional;
	};
}

# Ports by scheme.
const scheme_ports: table[string] of count = {
	["http"] = 80,
	["https"] = 443,
	["ftp"] = 21,
	["ws"] = 80,
	["wss"] = 443
};

# Server and port that a proxy is asked for.
type ProxiedServer: record {
	name: string &default="";
	p: count &default=0;
};

# The server in what a proxy is asked for, `c2.example:443` or `http://c2.example/poll`; without a name where there is
# none.
function proxied_server(method: string, uri: string): ProxiedServer
	{
	local found = ProxiedServer();
	local scheme = "https";
	local rest = uri;
	if ( method != "CONNECT" )
		{
		local parts = split_string1(uri, /:\/\//);
		if ( |parts| != 2 )
			return found;
		scheme = to_lower(parts[0]);
		rest = parts[1];
		}

	local authority = split_string1(split_string1(rest, /\//)[0], /\?/)[0];
	if ( /@/ in authority )
		authority = sub(authority, /.*@/, "");
	local host = authority;
	if ( /:/ in authority && /.*\]/ != authority )
		{
		host = sub(authority, /:[^:]*$/, "");
		local digits = sub(authority, /.*:/, "");
		if ( digits != "" )
			{
			if ( /[0-9]{1,5}/ != digits
			    || to_count(digits) == 0
			    || to_count(digits) > 65535 )
				return found;
			found$p = to_count(digits);
			}
		}
	if ( found$p == 0 )
		{
		if ( scheme !in scheme_ports )
			return found;
		found$p = scheme_ports[scheme];
		}
	host = gsub(host, /[\[\]]/, "");
	found$name = is_address(host) ? cat(to_addr(host)) : server_name(host);
	return found;
	}

# An observation of the pair with what a proxy was asked for, from one of the pair with the proxy.
function proxied_observation(o: Observation, server: ProxiedServer): Observation
	{
	local behind = copy(o);
	# What was shown is the proxy's, or is inside the tunnel.
	delete behind$certificate;
	delete behind$client;
	delete behind$intel;
	delete behind$dns_name;
	delete behind$traits;
	behind$channel = "proxy";
	behind$name = server$name;
	behind$resp_p = count_to_port(server$p, tcp);
	return behind;
	}

event http_request(c: connection, method: string, original_URI: string,
    unescaped_URI: string, version: string)
	{
	if ( ! proxy_channel )
		return;
	if ( method == "CONNECT" )
		{
		if ( ! c?$beacons_proxied || c$beacons_proxied == "" )
			c$beacons_proxied = unescaped_URI;
		}
	else if ( ! c?$beacons_proxied && "://" in sub_bytes(unescaped_URI, 1, 10) )
		c$beacons_proxied = "";
	}
