##! The allow-list file, the same that the Python package reads (``--allow``). One entry a line, ``#`` starts a comment:
##!
##!     subnet 10.20.0.0/16                  either end lies in it
##!     port   123/udp                       the responder's port; without /proto any
##!     name   *.windowsupdate.com           the server name; a leading *. also covers the name itself
##!     pair   10.0.0.5 backup.example 443   originator (address, subnet or *), responder (these or a name), port (or *)
##!
##! It is reread when it changes. A file that is missing or not understood is reported, and the last good one stays.

@load ./main
@load ./names
@load ./allow
@load base/frameworks/input
@load base/frameworks/reporter

module Beacons;

export {
	## How often a missing allow-list file is looked for again, at least 1 second.
	option allow_file_retry: interval = 1min;
}

# A line as the raw reader gives it.
type AllowLine: record {
	text: string;
};

const allow_stream = "beacons-allow-file";

# The file being read: entries so far, line number, and the first problem.
global reading = AllowList();
global reading_line: count = 0;
global reading_problem: string = "";
# Under `zeek -r` no packet is looked at before the first list is in force.
global waiting_for_list: bool = F;

function add_ports(ports: set[port], number: string, proto: string): bool
	{
	if ( /[0-9]{1,5}/ != number || to_count(number) > 65535 )
		return F;
	if ( proto == "" || proto == "tcp" )
		add ports[count_to_port(to_count(number), tcp)];
	if ( proto == "" || proto == "udp" )
		add ports[count_to_port(to_count(number), udp)];
	if ( proto == "" || proto == "icmp" )
		add ports[count_to_port(to_count(number), icmp)];
	return proto in set("", "tcp", "udp", "icmp");
	}

# An address or subnet as a subnet; the rest of the word check is the caller's.
function word_to_subnet(word: string): subnet
	{
	return is_valid_ip(word) ? addr_to_subnet(to_addr(word)) : to_subnet(word);
	}

# IPv4 lies among the IPv6 addresses: ::/0 would leave out everything, so IPv4 is only taken as IPv4.
function is_net(word: string): bool
	{
	if ( ! is_address(split_string1(word, /\//)[0]) )
		return F;
	if ( /\// in word
	    && ( ! is_valid_subnet(word) || /[^\/]+\/[0-9]{1,3}/ != word ) )
		return F;

	local net = word_to_subnet(word);
	return /:/ !in word || ! ( is_v4_subnet(net) || 0.0.0.0 in net );
	}

# A server name as it is compared: lower case, without the dot at its end.
function plain_name(word: string): string
	{
	return sub(to_lower(word), /\.+$/, "");
	}

function is_name(word: string): bool
	{
	local name = plain_name(word);
	return /(\*\.)?[^*\/:]+/ == name && /(.*\.)?[0-9]+/ != name;
	}

function add_pair(orig: string, resp: string, p: string): bool
	{
	local rule = PairRule();
	local port_words = split_string1(p, /\//);

	if ( is_net(orig) )
		rule$orig = word_to_subnet(orig);
	else if ( orig != "*" )
		return F;

	if ( is_net(resp) )
		rule$resp = word_to_subnet(resp);
	else if ( resp != "*" && is_name(resp) )
		rule$resp_name = plain_name(resp);
	else if ( resp != "*" )
		return F;

	if ( port_words[0] != "*" )
		{
		if ( /[0-9]{1,5}/ != port_words[0] || to_count(port_words[0]) > 65535 )
			return F;
		rule$number = to_count(port_words[0]);
		}

	if ( |port_words| == 2 )
		{
		switch ( port_words[1] )
			{
			case "tcp":
				rule$proto = tcp;
				break;
			case "udp":
				rule$proto = udp;
				break;
			case "icmp":
				rule$proto = icmp;
				break;
			default:
				return F;
			}
		}

	reading$pairs += rule;
	return T;
	}

# Takes an entry; F where it is not understood.
function add_entry(words: string_vec): bool
	{
	if ( words[0] == "subnet" && |words| == 2 && is_net(words[1]) )
		add reading$subnets[word_to_subnet(words[1])];
	else if ( words[0] == "port" && |words| == 2 )
		{
		local parts = split_string1(words[1], /\//);
		if ( |parts| == 2 && parts[1] == "" )
			return F;
		return add_ports(reading$ports, parts[0], |parts| == 2 ? parts[1] : "");
		}
	else if ( words[0] == "name" && |words| == 2 && is_name(words[1]) )
		add reading$names[plain_name(words[1])];
	else if ( words[0] == "pair" && |words| == 4 )
		return add_pair(words[1], words[2], words[3]);
	else
		return F;

	return T;
	}

event allow_line(desc: Input::EventDescription, tpe: Input::Event, text: string)
	{
	++reading_line;
	# Editors of Windows mark UTF-8 so.
	local line = reading_line == 1 ? sub(text, /^\xef\xbb\xbf/, "") : text;
	local entry = strip(split_string1(line, /#/)[0]);
	if ( entry == ""
	    || add_entry(split_string(entry, /[ \t]+/))
	    || reading_problem != "" )
		return;
	reading_problem = fmt("%s:%d: '%s' is no entry, expected `subnet NET`, `port N[/PROTO]`, `name NAME` or `pair ORIG RESP PORT[/PROTO]`",
	    desc$source, reading_line, escape_string(sub_bytes(entry, 1, 100)));
	}

event Input::end_of_data(name: string, source: string)
	{
	if ( name != allow_stream )
		return;

	if ( reading_problem == "" )
		{
		allowed = reading;
		event lists_changed();
		}
	else
		Reporter::warning(fmt("%s; the last good allow-list stays in force",
		    reading_problem));

	reading = AllowList();
	reading_line = 0;
	reading_problem = "";

	if ( waiting_for_list )
		{
		waiting_for_list = F;
		continue_processing();
		}
	}

event open_allow_file(path: string, reported: bool)
	{
	if ( path != allow_file )
		return;

	if ( file_size(path) < 0 )
		{
		if ( ! reported )
			Reporter::warning(fmt("allow-list %s cannot be read; the last good one stays in force",
			    path));
		schedule allow_file_retry { open_allow_file(path, T) };
		return;
		}

	if ( reading_traces() )
		{
		waiting_for_list = T;
		suspend_processing();
		}

	Input::add_event(Input::EventDescription($source=path,
	    $reader=Input::READER_RAW,
	    $mode=reading_traces() ? Input::MANUAL : Input::REREAD,
	    $name=allow_stream, $fields=AllowLine, $ev=allow_line,
	    $want_record=F));
	}

function change_allow_file(id: string, path: string): string
	{
	Input::remove(allow_stream);
	if ( path != "" )
		event open_allow_file(path, F);
	else
		{
		allowed = AllowList();
		event lists_changed();
		}
	return path;
	}

event zeek_init()
	{
	if ( allow_file != "" )
		event open_allow_file(allow_file, F);
	Option::set_change_handler("Beacons::allow_file", change_allow_file);
	}
