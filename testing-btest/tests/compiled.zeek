# @TEST-DOC: With the compiled part of the tracker each trace, and queries and requests of many kinds, have the candidates that they have without.
# @TEST-REQUIRES: zeek -N Beacons::Tracker
# @TEST-EXEC: $SCRIPTS/compiled-beside $PACKAGE %INPUT > output
# @TEST-EXEC: btest-diff output

module Beacons;

redef exact_pairs = 3;
redef max_observations = 20;

const hosts = vector("a.example", "www.b.example", "B.example", "10.0.0.9",
    "x.co.uk", "printer", "c.example:8080");

# Few times and few values: ties, and out of order.
function any_id(resp_p: port): conn_id
	{
	return conn_id($orig_h=counts_to_addr(vector(167772160 + rand(4))),
	    $orig_p=count_to_port(1024 + rand(100), tcp),
	    $resp_h=counts_to_addr(vector(3405803776 + rand(3))),
	    $resp_p=resp_p);
	}

function any_time(): time
	{
	return double_to_time(1767225600.0 + 600 * rand(12) + 0.000001 * rand(2));
	}

function feed_query()
	{
	local rec = DNS::Info($ts=any_time(), $uid=cat("Q", rand(9)), $id=any_id(
	    53/udp), $proto=udp, $query=hosts[rand(|hosts|)]);
	if ( rand(4) > 0 )
		rec$rcode = rand(2) * 3;
	if ( rand(4) > 0 )
		rec$rtt = 0.0001msecs * rand(50);
	if ( rand(4) > 0 )
		rec$qtype_name = rand(2) == 0 ? "A" : "TXT";
	if ( rand(4) > 0 )
		rec$answers = vector("10.0.0.1", "text");
	event DNS::log_dns(rec);
	}

function feed_request()
	{
	local rec = HTTP::Info($ts=any_time(), $uid=cat("R", rand(9)), $id=any_id(
	    80/tcp), $trans_depth=rand(5), $request_body_len=rand(3),
	    $response_body_len=rand(3), $uri=fmt("/%d?q=%d", rand(30), rand(
	    9)));
	if ( rand(5) > 0 )
		rec$host = hosts[rand(|hosts|)];
	if ( rand(4) > 0 )
		rec$status_code = 200;
	if ( rand(9) == 0 )
		rec$uri = "http://d.example/";
	if ( rand(9) == 0 )
		rec$uri = "/with a\x01byte";
	if ( rand(9) == 0 )
		rec$method = "CONNECT";
	event HTTP::log_http(rec);
	}

event zeek_init() &priority=-20
	{
	local i = 0;
	while ( ++i <= 400 )
		{
		feed_query();
		feed_request();
		}
	}
