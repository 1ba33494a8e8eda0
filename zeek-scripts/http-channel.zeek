##! Channel http: check-ins inside kept-alive connections.
##!
##! A request behind the first one of its connection is an observation, of the pair with the server by its name or address
##! and of the pair with server and stem of the URI, its path without a query. What is logged to http.log is what counts,
##! so that the log tells the same.

@load ./main
@load ./names
@load ./dns
@load ./allow
@load ./track
@load ./observe
@load ./proxy-channel
@load base/protocols/http

module Beacons;

export {
	## Whether requests inside kept-alive connections are tracked.
	option http_channel: bool = T;

	## Sites, each of one client, of which the paths asked for are remembered for a day. Beyond, the pages of further
	## ones are not told from a beacon.
	option max_sites: count = 5000;
}

# Of a site are told apart so many hosts, and of each so many paths.
const most_hosts = 16;
const most_paths = 16;

# The paths of a site that a client has asked for, by host, and how many there are.
type SitePaths: record {
	hosts: table[string] of set[string];
	paths: count &default=0;
};

# By client and registered domain.
global site_paths: table[addr, string] of SitePaths &create_expire=1day;

# Requests of sites that were not remembered.
global sites_missed: count = 0;

# What the pair with a server and a stem is called; empty where the URI has no stem.
function at_stem(server: string, uri: string): string
	{
	local stem = stem_of(uri);
	if ( stem == "" )
		return "";
	local name = server + stem;
	if ( |name| <= longest_name && /[\x21-\x7e]*/ == name )
		return name;
	return sub_bytes(escape_name(sub_bytes(name, 1, longest_name)), 1,
	    longest_name);
	}

# Remembers a path. Returns how many others of the site are, and how many are at other hosts; nothing where the site is
# not remembered.
function other_paths(client: addr, server: string, path: string): vector of
    count
	{
	local domain = registered_domain(server);
	if ( [client, domain] !in site_paths )
		{
		if ( |site_paths| >= max_sites )
			{
			++sites_missed;
			return vector();
			}
		site_paths[client, domain] = SitePaths();
		}
	local site = site_paths[client, domain];
	local hosts = site$hosts;
	if ( server !in hosts )
		{
		if ( |hosts| >= most_hosts )
			return vector();
		hosts[server] = set();
		}
	local own = hosts[server];
	if ( path != "" && |own| < most_paths && path !in own )
		{
		add own[path];
		++site$paths;
		}
	return vector(site$paths > 0 ? site$paths - 1 : 0, site$paths - |own|);
	}

function observation_of_request(rec: HTTP::Info): Observation
	{
	local id = rec$id;
	return Observation($orig_h=id$orig_h, $orig_p=id$orig_p, $resp_h=id$resp_h,
	    $resp_p=id$resp_p, $uid=rec$uid, $name="", $service="http",
	    $start=( rec$ts - epoch ) / 1sec, $orig_bytes=rec$request_body_len,
	    $resp_bytes=rec$response_body_len,
	    $state=rec?$status_code ? "SF" : "S1", $channel="http");
	}

function observe_request(rec: HTTP::Info, server: string)
	{
	local id = rec$id;
	local path = rec?$uri ? at_stem(server, rec$uri) : "";
	local others = other_paths(id$orig_h, server, path);
	if ( rec$trans_depth < 2 )
		return;

	local o = observation_of_request(rec);
	o$name = server;
	if ( |others| > 0 )
		o$other_paths = others[1];
	if ( path == "" )
		{
		hand_over(o, T);
		return;
		}

	o$carried = path;
	hand_over(o, T);
	# Nobody keeps an observation: the same one counts for the pair with the stem.
	o$carried = "";
	o$name = path;
	if ( |others| > 0 )
		o$other_paths = others[0];
	hand_over(o, T);
	}

# A request that a proxy is asked to pass on.
function observe_passed_on(rec: HTTP::Info)
	{
	local server = proxied_server("", rec$uri);
	if ( ! proxy_channel || server$name == "" )
		return;
	if ( filtering && never_named(rec$id, server$name) )
		return;
	hand_over(proxied_observation(observation_of_request(rec), server), T);
	}

event HTTP::log_http(rec: HTTP::Info)
	{
	if ( ! ( http_channel || proxy_channel ) || ! wanted_ends(rec$id) )
		return;
	if ( filtering && never_tracked(rec$id) )
		return;
	if ( rec?$method && rec$method == "CONNECT" )
		return;
	if ( rec?$uri && "://" in sub_bytes(rec$uri, 1, 10) )
		{
		observe_passed_on(rec);
		return;
		}

	if ( ! http_channel )
		return;
	local server = rec?$host ? server_name(rec$host) : "";
	if ( filtering && server != "" && never_named(rec$id, server) )
		return;
	observe_request(rec, server == "" ? cat(rec$id$resp_h) : server);
	}
