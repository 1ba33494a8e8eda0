# Takes connections that are appended to feed.log as if they had just ended.

@load base/frameworks/input

redef exit_only_after_terminate = T;
redef Threading::heartbeat_interval = 200msecs;

module Beacons;

type FedConnection: record {
	start: double;
	uid: string;
	orig_h: addr;
	orig_p: port;
	resp_h: addr;
	resp_p: port;
	service: string &optional;
	duration: double &optional;
	orig_bytes: count &optional;
	resp_bytes: count &optional;
	conn_state: string;
	name: string &optional;
};

event fed(description: Input::EventDescription, kind: Input::Event,
    fed_one: FedConnection)
	{
	local o = Observation($orig_h=fed_one$orig_h, $orig_p=fed_one$orig_p,
	    $resp_h=fed_one$resp_h, $resp_p=fed_one$resp_p, $uid=fed_one$uid,
	    $name=fed_one?$name ? fed_one$name : "", $service=fed_one?$service
	    ? fed_one$service : "", $start=fed_one$start,
	    $state=fed_one$conn_state);
	if ( fed_one?$duration )
		o$duration = fed_one$duration;
	if ( fed_one?$orig_bytes )
		o$orig_bytes = fed_one$orig_bytes;
	if ( fed_one?$resp_bytes )
		o$resp_bytes = fed_one$resp_bytes;
	track(o, F);
	if ( o$name != "" )
		track(o, T);
	}

event zeek_init()
	{
	Input::add_event([$source="feed.log", $name="feed", $fields=FedConnection,
	    $ev=fed, $mode=Input::STREAM, $want_record=T]);
	}
