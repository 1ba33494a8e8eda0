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

## The last two labels of a name, three where the second last is shared: close enough to what the public suffix list
## says, without its 10,000 entries.
function registered_domain(name: string): string
	{
	local labels = split_string(name, /\./);
	local n = |labels|;
	if ( n < 3 )
		return name;
	local domain = labels[n - 2] + "." + labels[n - 1];
	return |labels[n - 1]| == 2 && labels[n - 2] in shared_labels ? labels[n - 3] + "." +
	    domain : domain;
	}

event dns_request(c: connection, msg: dns_msg, query: string, qtype: count,
    qclass: count)
	{
	if ( pairs_by_domain && ! c?$beacons_name && /\./ in query )
		c$beacons_name = registered_domain(query);
	}
