##! Traits: what else Zeek saw of the two ends of a pair, each with a name, as *code=value*: told beside a verdict.
##!
##! A source tells lines of a connection; what the newest connection of a pair told that a source knows counts. Of the
##! certificate it is that of the newest connection that showed one; how rare something is here is counted over the pairs
##! by address that are tracked. The codes are those of the sidecar's sidecar/zeek_beacons/traits.py.
##!
##! Fingerprints are told where a package that was loaded before this one adds them to ssl.log: ja3, ja3s and ja4.

@load ./main
@load ./names
@load ./presented
@load ./prevalence
@load base/protocols/http
@load base/protocols/ssh
@load base/protocols/ssl

module Beacons;

# Bytes of a value that are kept.
const longest_trait = 120;

# A line of traits; empty where there is no value.
function trait(code: string, value: string): string
	{
	local known = printable_words(value);
	if ( known == "" )
		return "";
	return code + "=" + ( |known| > longest_trait ? sub_bytes(known, 1,
	    longest_trait) : known );
	}

# What sessions of TLS and SSH told, by what it is made of: most come again and again.
global kept_traits: table[string] of Traits &create_expire=1day;
const max_kept_traits = 5000;

function keep_traits(key: string, made: Traits)
	{
	if ( |kept_traits| < max_kept_traits )
		kept_traits[key] = made;
	}

# What a session of TLS tells.
function traits_of_tls(ssl: SSL::Info): Traits
	{
	local key = ssl?$version ? ssl$version : "";
	if ( ssl$resumed )
		key += " resumed";
@if ( "ja3" in record_fields("SSL::Info") )
	if ( ssl?$ja3 )
		key += " ja3=" + ssl$ja3;
@endif
@if ( "ja3s" in record_fields("SSL::Info") )
	if ( ssl?$ja3s )
		key += " ja3s=" + ssl$ja3s;
@endif
@if ( "ja4" in record_fields("SSL::Info") )
	if ( ssl?$ja4 )
		key += " ja4=" + ssl$ja4;
@endif
	if ( key in kept_traits )
		return kept_traits[key];

	local made = Traits($source="tls");
	if ( ssl?$version )
		{
		made$lines += "tls_version=" + ssl$version;
		made$lines += ssl$resumed ? "tls_resumed=yes" : "tls_resumed=no";
		}
@if ( "ja3" in record_fields("SSL::Info") )
	if ( ssl?$ja3 && ssl$ja3 != "" )
		{
		made$ja3 = ssl$ja3;
		made$lines += "ja3=" + ssl$ja3;
		}
@endif
@if ( "ja3s" in record_fields("SSL::Info") )
	if ( ssl?$ja3s && ssl$ja3s != "" )
		made$lines += "ja3s=" + ssl$ja3s;
@endif
@if ( "ja4" in record_fields("SSL::Info") )
	if ( ssl?$ja4 && ssl$ja4 != "" )
		made$lines += "ja4=" + ssl$ja4;
@endif
	keep_traits(key, made);
	return made;
	}

# A text of the wire, cut before it is kept.
function cut_trait(text: string): string
	{
	return |text| > longest_trait ? sub_bytes(text, 1, longest_trait) : text;
	}

# What a request over HTTP tells that was answered.
function traits_of_request(request: HTTP::Info): Traits
	{
	local made = Traits($source="http");
	made$lines += "http_method=" + cut_trait(request$method);
	made$lines += "http_status=" + cat(request$status_code);
	local path = request?$uri ? stem_of(request$uri) : "";
	if ( path != "" )
		made$lines += "http_uri=" + cut_trait(path);
	if ( request?$resp_mime_types && |request$resp_mime_types| > 0 )
		made$lines += "http_content=" + request$resp_mime_types[0];
	return made;
	}

# What a connection over SSH tells.
function traits_of_ssh(ssh: SSH::Info): Traits
	{
	local client = ssh?$client ? ssh$client : "";
	local server = ssh?$server ? ssh$server : "";
	local key = client + " / " + server;
	if ( key in kept_traits )
		return kept_traits[key];

	local made = Traits($source="ssh");
	if ( client != "" )
		made$lines += "ssh_client=" + cut_trait(client);
	if ( server != "" )
		made$lines += "ssh_server=" + cut_trait(server);
	keep_traits(key, made);
	return made;
	}

# Adds what a connection tells.
function add_traits(o: Observation, c: connection)
	{
	local told: vector of Traits;
	if ( c?$ssl )
		{
		local tls = traits_of_tls(c$ssl);
		if ( |tls$lines| > 0 )
			told += tls;
		}
	if ( c?$beacons_answered && c$beacons_answered?$status_code )
		told += traits_of_request(c$beacons_answered);
	if ( c?$ssh )
		{
		local ssh = traits_of_ssh(c$ssh);
		if ( |ssh$lines| > 0 )
			told += ssh;
		}
	if ( |told| > 0 )
		o$traits = told;
	}

# Takes what a connection of a pair tells; of those that started at one moment the last one counts.
function note_traits(p: Pair, o: Observation)
	{
	if ( ! p?$traits )
		p$traits = table();
	for ( _, told in o$traits )
		if ( told$source !in p$traits || o$start >= p$traits[told$source]$ts )
			{
			p$traits[told$source] = KnownTraits($ts=o$start, $told=told);
			if ( told$source == "tls" && told$ja3 != p$ja3 )
				note_ja3(p, told$ja3);
			}
	}

# Whole days from the begin of its validity to when a certificate was shown, and whether its names fit.
function traits_of_certificate(known: Presented): vector of string
	{
	local cert = known$certificate;
	local age = floor(( known$certificate_ts - cert$begins ) / 86400.0);
	local lines: vector of string;
	if ( age >= -1.0 * longest_validity && age <= longest_validity )
		lines += fmt("cert_age_days=%.0f", age);
	if ( cert?$misfit )
		lines += cert$misfit ? "tls_name_mismatch=yes" : "tls_name_mismatch=no";
	return lines;
	}

# How rare what a pair shows is here.
function rarity_of(p: Pair): vector of string
	{
	local lines: vector of string;
	if ( p$ja3 != "" && p$ja3 in ja3_hosts )
		{
		lines += fmt("ja3_hosts=%d", |ja3_hosts[p$ja3]|);
		lines += fmt("ja3_servers=%d", |ja3_servers[p$ja3]|);
		}
	if ( p?$presented && p$presented?$client )
		{
		local agent = p$presented$client$agent;
		if ( agent in agent_servers )
			lines += fmt("agent_servers=%d", |agent_servers[agent]|);
		}
	if ( p$resp_p in port_hosts && ! Site::is_local_addr(p$resp_h) )
		lines += fmt("port_hosts=%d", |port_hosts[p$resp_p]|);
	return lines;
	}

# Tells in a candidate what its pair told.
function tell_traits(rec: Candidate, p: Pair)
	{
	local lines: vector of string;
	if ( p?$traits )
		for ( _, one in p$traits )
			for ( _, line in one$told$lines )
				{
				local parts = split_string1(line, /=/);
				local made = trait(parts[0], parts[1]);
				if ( made != "" )
					lines += made;
				}
	if ( p?$presented && p$presented?$certificate )
		lines += traits_of_certificate(p$presented);
	if ( p$channel == "conn" )
		lines += rarity_of(p);
	if ( |lines| > 0 )
		{
		sort(lines, strcmp);
		rec$traits = lines;
		}
	}
