##! What servers and clients show of themselves: the server's certificate, and what the client calls itself over HTTP.
##!
##! The first certificate of a chain is the server's. Under TLS 1.3 certificates are encrypted, and none is seen.

@load ./main
@load ./names
@load ./prevalence
@load base/files/x509
@load base/protocols/http
@load base/protocols/ssl

module Beacons;

export {
	redef record connection += {
		## What the client told of itself, once a request was answered.
		beacons_client: WebClient &optional;
		## The newest request that was answered.
		beacons_answered: HTTP::Info &optional;
	};
}

# Bytes of a distinguished name and of a user agent that are kept; names of a certificate that are looked at.
const longest_words = 200;
const most_cert_names = 100;

# Days; anything longer is no validity.
const longest_validity = 10000000;

# Certificates by fingerprint, the name asked for and Zeek's word on them: most come again and again.
global certificates: table[string, string, string] of Certificate
    &create_expire=1day;
const max_certificates = 5000;

# Printable ASCII with spaces, the rest escaped and the whole cut; empty for what a log has for no text.
function printable_words(text: string): string
	{
	if ( text in unset_names )
		return "";
	local cut = |text| > longest_words ? sub_bytes(text, 1, longest_words) : text;
	if ( /[\x20-\x7e]*/ == cut )
		return cut;

	local parts: string_vec;
	for ( c in cut )
		parts += /[\x20-\x7e]/ == c ? c : "\\x" + bytestring_to_hexstr(c);
	return sub_bytes(join_string_vec(parts, ""), 1, longest_words);
	}

# Whether a certificate's name is one for a server of this name.
function is_name_for(entry: string, name: string): bool
	{
	if ( name == "" )
		return F;
	if ( entry == name )
		return T;
	if ( |entry| < 3 || sub_bytes(entry, 1, 2) != "*." )
		return F;
	local dot = strstr(name, ".");
	return dot > 0
	    && sub_bytes(name, dot + 1, |name|) == sub_bytes(entry, 3, |entry|);
	}

# The names of a certificate: its alternative ones, without any the common name.
function names_in(info: X509::Info): string_vec
	{
	local raw: string_vec;
	if ( info?$san && info$san?$dns && |info$san$dns| > 0 )
		raw = info$san$dns;
	else
		for ( _, part in find_all_ordered(info$certificate$subject, /([^,\\]|\\.)+/) )
			if ( |part| > 3 && sub_bytes(part, 1, 3) == "CN=" && |raw| == 0 )
				raw += sub_bytes(part, 4, |part|);

	local names: string_vec;
	for ( i, one in raw )
		{
		if ( i >= most_cert_names )
			break;
		local name = server_name(one);
		if ( name != "" )
			names += name;
		}
	return names;
	}

# Whether there may be names that are not looked at.
function has_more_names(info: X509::Info): bool
	{
	return info?$san && info$san?$dns && |info$san$dns| >= most_cert_names;
	}

# The first of the names that fits what was asked for, else the first; empty without any.
function fitting_name(names: string_vec, asked: string): string
	{
	for ( _, name in names )
		if ( is_name_for(name, asked) )
			return name;
	return |names| > 0 ? names[0] : "";
	}

function make_certificate(info: X509::Info, asked: string, status: string)
    : Certificate
	{
	local cert = info$certificate;
	local name = fitting_name(names_in(info), asked);
	local made = Certificate($identity=info$fingerprint, $name=name,
	    $issuer=printable_words(cert$issuer),
	    $self_signed=cert$subject == cert$issuer, $begins=time_to_double(
	    cert$not_valid_before));
	if ( is_name_for(name, asked) )
		made$misfit = F;
	else if ( asked != "" && ! has_more_names(info) )
		made$misfit = T;
	if ( status != "" )
		made$valid = status == "ok";
	local lasts = floor(( cert$not_valid_after - cert$not_valid_before ) / 1day +
	    0.5);
	if ( cert$not_valid_after >= cert$not_valid_before
	    && lasts <= longest_validity )
		made$days = double_to_count(lasts);
	return made;
	}

# The certificate that this describes, in a session that asked for a name.
function certificate_of(info: X509::Info, ssl: SSL::Info): Certificate
	{
	local asked = ssl?$server_name ? server_name(ssl$server_name) : "";
	local status = "";
@ifdef ( SSL::recently_validated_certs )
	if ( ssl?$validation_status )
		status = ssl$validation_status;
@endif
	if ( [info$fingerprint, asked, status] in certificates )
		return certificates[info$fingerprint, asked, status];

	local made = make_certificate(info, asked, status);
	if ( |certificates| < max_certificates )
		certificates[info$fingerprint, asked, status] = made;
	return made;
	}

# Adds what a connection showed.
function add_presented(o: Observation, c: connection)
	{
	if ( c?$ssl
	    && c$ssl?$cert_chain
	    && |c$ssl$cert_chain| > 0
	    && c$ssl$cert_chain[0]?$x509
	    && c$ssl$cert_chain[0]$x509$certificate$issuer != "" )
		o$certificate = certificate_of(c$ssl$cert_chain[0]$x509, c$ssl);
	if ( c?$beacons_client )
		o$client = c$beacons_client;
	}

# Takes what a connection of a pair showed; of those that started at one moment the last one counts.
function note_presented(p: Pair, o: Observation)
	{
	if ( ! p?$presented )
		p$presented = Presented();
	local known = p$presented;
	local by_address = p$by_name == "";

	if ( o?$certificate && o$start >= known$certificate_ts )
		{
		if ( by_address
		    && ( ! known?$certificate || known$certificate$identity != o$certificate$identity ) )
			{
			if ( known?$certificate )
				count_no_more(servers_of, known$certificate$identity, p$resp_h);
			count_among_those(servers_of, o$certificate$identity, p$resp_h);
			}
		known$certificate = o$certificate;
		known$certificate_ts = o$start;
		}

	if ( o?$client && o$start >= known$client_ts )
		{
		if ( by_address
		    && ( ! known?$client || known$client$agent != o$client$agent ) )
			{
			if ( known?$client && known$client$agent != "" )
				{
				count_no_more(clients_of, known$client$agent, p$orig_h);
				count_no_more(agent_servers, known$client$agent, p$resp_h);
				}
			if ( o$client$agent != "" )
				{
				count_among_those(clients_of, o$client$agent, p$orig_h);
				count_among_those(agent_servers, o$client$agent, p$resp_h);
				}
			}
		known$client = o$client;
		known$client_ts = o$start;
		}
	}

# Tells in a candidate what its pair showed.
function tell_presented(rec: Candidate, known: Presented)
	{
	if ( known?$certificate )
		{
		local cert = known$certificate;
		rec$cert_issuer = cert$issuer;
		rec$cert_self_signed = cert$self_signed;
		if ( cert$name != "" )
			rec$cert_name = cert$name;
		if ( cert?$valid )
			rec$cert_valid = cert$valid;
		if ( cert?$days )
			rec$cert_days = cert$days;
		if ( cert$identity in servers_of )
			rec$cert_servers = |servers_of[cert$identity]|;
		}
	if ( known?$client )
		{
		rec$no_host = known$client$no_host;
		if ( known$client$agent != "" )
			{
			rec$user_agent = known$client$agent;
			if ( known$client$agent in clients_of )
				rec$agent_hosts = |clients_of[known$client$agent]|;
			}
		}
	}

# A request was answered.
event http_reply(c: connection, version: string, code: count, reason: string)
	{
	if ( ! c?$http || ! c$http?$method )
		return;
	local request = c$http;
	c$beacons_answered = request;
	if ( ! c?$beacons_client )
		c$beacons_client = WebClient($agent="", $no_host=F);
	local client = c$beacons_client;
	if ( client$agent == "" && request?$user_agent )
		client$agent = printable_words(request$user_agent);
	if ( ! request?$host || request$host == "" )
		client$no_host = T;
	}
