##! The server name of a connection (HTTP Host, TLS SNI), in one spelling.

@load ./main
@load ./dns
@load base/protocols/http
@load base/protocols/ssl

module Beacons;

export {
	redef record connection += {
		## The first HTTP Host seen.
		beacons_host: string &optional;
	};
}

# Bytes; RFC 1035. Anything longer in an SNI or Host is cut.
const longest_name = 253;

# Printable ASCII stays, any other byte becomes \xNN: names come from the wire, and attackers choose them.
function escape_name(name: string): string
	{
	local parts: string_vec;
	for ( c in name )
		parts += /[\x21-\x7e]/ == c ? c : "\\x" + bytestring_to_hexstr(c);
	return join_string_vec(parts, "");
	}

## The canonical spelling of a server name: lower case, no port, no trailing dot, escaped, at most 253 bytes.
##
## Returns: the name; empty where there is none, or an address instead.
function server_name(raw: string): string
	{
	# Nearly all names are in order: letters at the end, so no port, no dot, no address.
	if ( /[a-z0-9._-]*[a-z]/ == raw && |raw| <= longest_name )
		return raw;

	local name = to_lower(strip(raw));
	if ( /\[.*/ == name )
		return "";

	if ( /[^:]+:[0-9]+/ == name )
		name = split_string1(name, /:/)[0];
	name = sub(name, /\.+$/, "");

	if ( name == ""
	    || name == "-"
	    || name == "(empty)"
	    || is_valid_ip(split_string1(name, /%/)[0]) )
		return "";

	return sub_bytes(escape_name(sub_bytes(name, 1, longest_name)), 1,
	    longest_name);
	}

# The same rule as the conn.log reader: http.log before ssl.log, the first name that is there.
function name_of(c: connection): string
	{
	if ( c?$beacons_host )
		return server_name(c$beacons_host);
	if ( c?$http && c$http?$host )
		return server_name(c$http$host);
	if ( c?$ssl && c$ssl?$server_name )
		return server_name(c$ssl$server_name);
	return c?$beacons_domain ? server_name(c$beacons_domain) : "";
	}

event http_message_done(c: connection, is_orig: bool, stat: http_message_stat)
	{
	if ( is_orig && ! c?$beacons_host && c?$http && c$http?$host )
		c$beacons_host = c$http$host;
	}
