##! The wire contract with the sidecar (docs/wire.md): its topics and events, and reading what comes without trusting it.
##!
##! Every event carries one string, a JSON object with named fields.

@load ./main
@load ./backend
@load base/frameworks/cluster
@load base/frameworks/reporter

module Beacons;

export {
	## The version of the contract spoken here. Any other one is refused.
	const wire_version = 3;

	## The version of the package.
	const package_version = "0.1.0";

	## What this sensor is called towards the sidecar.
	const sensor = gethostname() &redef;

	## From the node that owns a pair: its candidates. Where there are several shards, each has a part of this topic
	## and of the next one.
	const candidate_topic = "/zeek/beacons/candidate/";
	## From Zeek: everything else.
	const control_topic = "/zeek/beacons/control/";
	## From the sidecar.
	const verdict_topic = "/zeek/beacons/verdict/";

	## A candidate, to the sidecar.
	global candidate: event(message: string);

	## The sidecar's answer to a candidate.
	global verdict: event(message: string);

	## The sidecar offers itself; Zeek accepts or refuses it.
	global hello: event(message: string);

	## Both sides say that they are there.
	global heartbeat: event(message: string);

	## A verdict with a level has come to a notice, now or before.
	global noticed: event(message: string);

	## The sidecar asks for candidates again.
	global resync: event(message: string);
}

# What every message holds.
type Envelope: record {
	v: count;
};

# Bytes. A verdict has 1 to 4 kB.
const longest_message = 65536;

# This node's name, and what tells this start of it from others.
const node_name = Cluster::is_enabled() ? Cluster::node : "zeek";
global boot: string;

# Whether this node may own pairs, and whether it is the one that raises notices.
const is_owner = ! Cluster::is_enabled()
    || Cluster::local_node_type() in set(Cluster::PROXY, Cluster::MANAGER);
const raises_notices = ! Cluster::is_enabled()
    || Cluster::local_node_type() == Cluster::MANAGER;

# Whether candidates go to a sidecar at all; see offline.zeek for traces.
global publishing = F;

# Messages refused, and what was wrong with them, each reported once.
global bad_messages: count = 0;
global complaints: set[string];
const max_complaints = 50;

function complain(kind: string, problem: string)
	{
	++bad_messages;
	local complaint = fmt("%s from the sidecar refused: %s", kind, problem);
	if ( complaint in complaints || |complaints| >= max_complaints )
		return;
	add complaints[complaint];
	Reporter::warning(complaint);
	}

# The version of the contract that a message is written in; 0 where that cannot be read.
function version_of(kind: string, message: string): count
	{
	if ( |message| > longest_message )
		{
		complain(kind, fmt("longer than %d bytes", longest_message));
		return 0;
		}
	local envelope = from_json(message, Envelope);
	if ( envelope$valid && envelope?$v )
		return ( envelope$v as Envelope )$v;
	complain(kind, envelope?$err ? sub(envelope$err, / Offset.*/, "") :
	    "no JSON object");
	return 0;
	}

# Whether a message is one of this contract.
function is_ours(kind: string, message: string): bool
	{
	local v = version_of(kind, message);
	if ( v > wire_version )
		complain(kind, fmt("version %d of the contract, this Zeek speaks %d", v,
		    wire_version));
	return v == wire_version;
	}

# Whether a message held what it must; complains where it did not.
function is_read(kind: string, result: from_json_result): bool
	{
	if ( result$valid && result?$v )
		return T;
	complain(kind, result?$err ? result$err : "no JSON object");
	return F;
	}

# Printable ASCII of at most so many bytes, whoever chose them.
function sanitize(text: string, most: count): string
	{
	if ( |text| <= most && /[\x20-\x7e]*/ == text )
		return text;
	return sub_bytes(escape_string(sub_bytes(text, 1, most)), 1, most);
	}

event zeek_init() &priority=20
	{
	publishing = is_owner && ! reading_traces();
	boot = sub_bytes(sha256_hash(cat(current_time(), getpid(), gethostname())), 1,
	    16);
	Cluster::subscribe(verdict_topic);
	}
