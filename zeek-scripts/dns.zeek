##! Pairs by registered domain, for clients that ask their resolver: a beacon over DNS shows a pair of the client with the
##! domain, where the pair with the resolver drowns in everybody's queries. Off by default.

@load ./main
@load ./names
@load base/protocols/dns

module Beacons;

export {
	## Whether queries to name servers are tracked as pairs with the domains that are asked for, of channel dns.
	option dns_channel: bool = T;

	## Whether DNS queries count for the pair of the client with the registered domain it asks for.
	option pairs_by_domain: bool = F;

	## Second-level labels under which a country registers domains: ``example.co.uk`` is one, ``co.uk`` is not.
	option shared_labels: set[string] = {
		"ac",
		"co",
		"com",
		"edu",
		"go",
		"gov",
		"mil",
		"ne",
		"net",
		"or",
		"org"
	};
}

# Domains of names that were taken apart: most come again and again. Forgotten all at once when there are too many.
global domains: table[string] of string &default="";
const max_domains = 5000;

function find_registered_domain(name: string): string
	{
	local labels = split_string(name, /\./);
	local n = |labels|;
	if ( n < 3 )
		return name;
	local domain = labels[n - 2] + "." + labels[n - 1];
	return |labels[n - 1]| == 2 && labels[n - 2] in shared_labels ? labels[n - 3] + "." +
	    domain : domain;
	}

## The last two labels of a name, three where the second last is shared: close enough to what the public suffix list
## says, without its 10,000 entries.
function registered_domain(name: string): string
	{
	local known = domains[name];
	if ( known != "" || name == "" )
		return known;
	if ( |domains| >= max_domains )
		clear_table(domains);
	known = find_registered_domain(name);
	domains[name] = known;
	return known;
	}

event labels_changed()
	{
	clear_table(domains);
	}

# Runs before the new labels are in force.
function change_labels(id: string, value: set[string]): set[string]
	{
	event labels_changed();
	return value;
	}

event zeek_init()
	{
	Option::set_change_handler("Beacons::shared_labels", change_labels);
	}

event dns_request(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	if ( pairs_by_domain && ! c?$beacons_name && /\./ in query )
		c$beacons_name = registered_domain(query);
	}
