##! The server name of a connection (HTTP Host, TLS SNI), in one spelling.

@load ./main
@load base/protocols/http
@load base/protocols/ssl

module Beacons;

export {
	redef record connection += {
		## The first server name seen, as it came from the wire.
		beacons_name: string &optional;
	};
}

# Bytes; RFC 1035. Anything longer in an SNI or Host is cut.
const longest_name = 253;

# What a tab-separated log has for no name and an empty one, and for names that look like these.
const unset_names = set("-", "(empty)", "\\x2d", "\\x28empty)");

# Whether this is an address as everybody spells it: Zeek itself also takes 10.0.0.05 and 10.0.0.+5.
function is_address(word: string): bool
	{
	return is_valid_ip(word)
	    && ( /:/ in word || /((0|[1-9][0-9]*)\.){3}(0|[1-9][0-9]*)/ == word );
	}

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

	# Spaces alone: other blanks are escaped in the logs, where nobody can tell them from text.
	local name = to_lower(gsub(raw, /^ +| +$/, ""));
	if ( /^\[/ in name )
		return "";

	if ( /[^:]+:[0-9]+/ == name )
		name = split_string1(name, /:/)[0];
	name = sub(name, /\.+$/, "");

	if ( name == ""
	    || name in unset_names
	    || is_address(split_string1(name, /%/)[0]) )
		return "";

	return sub_bytes(escape_name(sub_bytes(name, 1, longest_name)), 1,
	    longest_name);
	}

# The path of a URI as it was asked for, empty where it has none.
function stem_of(uri: string): string
	{
	if ( |uri| == 0 || uri[0] != "/" )
		return "";
	return /[?#]/ in uri ? split_string1(uri, /[?#]/)[0] : uri;
	}

event http_message_done(c: connection, is_orig: bool, stat: http_message_stat)
	{
	if ( is_orig && ! c?$beacons_name && c?$http && c$http?$host )
		c$beacons_name = c$http$host;
	}

# A reply may come before its request is done.
event http_reply(c: connection, version: string, code: count, reason: string)
	{
	if ( ! c?$beacons_name && c?$http && c$http?$host )
		c$beacons_name = c$http$host;
	}

event ssl_extension_server_name(c: connection, is_client: bool,
    names: string_vec)
	{
	if ( is_client && |names| > 0 && ! c?$beacons_name )
		c$beacons_name = names[0];
	}
