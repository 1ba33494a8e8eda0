##! Traits: what else Zeek saw of the two ends of a pair, each with a name, as *code=value*: told beside a verdict.
##!
##! A source tells lines of a connection; what the newest connection of a pair told that a source knows counts. The codes
##! are those of the sidecar's sidecar/zeek_beacons/traits.py.

@load ./main
@load ./presented
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

# What sessions told, by what it is made of: most come again and again.
global tls_traits: table[string] of Traits &create_expire=1day;
const max_kept_traits = 5000;

# What a session of TLS tells.
function traits_of_tls(ssl: SSL::Info): Traits
	{
	local version = ssl?$version ? ssl$version : "";
	if ( version in tls_traits )
		return tls_traits[version];

	local made = Traits($source="tls");
	local line = trait("tls_version", version);
	if ( line != "" )
		made$lines += line;
	if ( |tls_traits| < max_kept_traits )
		tls_traits[version] = made;
	return made;
	}

# Adds what a connection tells.
function add_traits(o: Observation, c: connection)
	{
	if ( ! c?$ssl )
		return;
	local told = traits_of_tls(c$ssl);
	if ( |told$lines| > 0 )
		o$traits = vector(told);
	}

# Takes what a connection of a pair tells; of those that started at one moment the last one counts.
function note_traits(p: Pair, o: Observation)
	{
	if ( ! p?$traits )
		p$traits = table();
	for ( _, told in o$traits )
		if ( told$source !in p$traits || o$start >= p$traits[told$source]$ts )
			p$traits[told$source] = KnownTraits($ts=o$start, $told=told);
	}

# Tells in a candidate what its pair told.
function tell_traits(rec: Candidate, known: table[string] of KnownTraits)
	{
	rec$traits = vector();
	for ( _, one in known )
		for ( _, line in one$told$lines )
			rec$traits += line;
	sort(rec$traits, strcmp);
	}
