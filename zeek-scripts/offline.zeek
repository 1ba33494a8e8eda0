##! The closed loop under ``zeek -r``: waits for the sidecar, reads the trace, flushes all pairs, and ends once each
##! candidate has its verdict and what deserves a notice has it.
##!
##! Timers stand still before the first packet and after the last one, so nothing here gives up waiting:
##! ``zeek-beacons pcap`` runs the loop and sees to that.

@load ./main
@load ./wire
@load ./listen
@load ./sidecar
@load ./publish
@load ./resync
@load ./verdicts
@load ./notice
@load ./pair-table

module Beacons;

export {
	## Whether a trace is read together with a sidecar.
	option offline_sidecar = F;
}

# Connections not yet removed, by uid; as many as Zeek itself holds.
global open_conns: table[string] of conn_id;
global begun = F;
global at_end = F;
global flushed = F;
global ending = F;
# The first candidate of the flush, and those of pairs dropped before it that have no verdict yet.
global flushed_from: count = 0;
global last_words: set[count];

# What was published last is still on its way to the sidecar; no timer fires any more.
event end_at(deadline: time)
	{
	if ( current_time() < deadline )
		event end_at(deadline);
	else
		terminate();
	}

function end_if_answered()
	{
	if ( ! flushed || ending || outstanding() > 0 )
		return;
	ending = T;
	event end_at(current_time() + 200msecs);
	}

event flush_pairs()
	{
	if ( flushed )
		return;
	flushed = T;
	flushed_from = progress[0]$seq + 1;
	for ( _, p in pairs )
		if ( is_worth_telling(p) )
			emit(p, "final");
	send_heartbeats();
	end_if_answered();
	}

event new_connection(c: connection) &group="Beacons::offline"
	{
	open_conns[c$uid] = c$id;
	}

event connection_state_remove(c: connection) &group="Beacons::offline"
	{
	delete open_conns[c$uid];
	# As an event: by then the connection is with its pair.
	if ( at_end && |open_conns| == 0 )
		event flush_pairs();
	}

# Zeek would remove the connections still open only while it ends, too late for a verdict.
event Pcap::file_done(path: string) &group="Beacons::offline"
	{
	at_end = T;
	for ( _, id in open_conns )
		set_inactivity_timeout(id, 0.1usecs);
	if ( |open_conns| == 0 )
		event flush_pairs();
	}

# A sidecar that was let in asks for what it missed: once it has, nothing is published twice.
hook resync_asked() &group="Beacons::offline"
	{
	if ( begun || ! sidecar_here(0) )
		return;
	begun = T;
	continue_processing();
	}

hook verdict_taken() &group="Beacons::offline"
	{
	end_if_answered();
	}

hook candidate_published(rec: Candidate) &group="Beacons::offline"
	{
	if ( rec$reason in set("evicted", "expired") )
		add last_words[progress[0]$seq];
	}

# A verdict on part of a trace is logged, but the one on all of it decides about the notice.
hook notice_due(rec: Verdict) &group="Beacons::offline"
	{
	if ( rec$seq in last_words )
		delete last_words[rec$seq];
	else if ( ! flushed || rec$seq < flushed_from )
		break;
	}

# What was flushed is not flushed once more.
event zeek_done() &group="Beacons::offline"
	{
	if ( ! flushed )
		return;
	pairs = vector();
	clear_table(place_by_addr);
	clear_table(place_by_name);
	clear_table(place_by_channel);
	}

event zeek_init()
	{
	if ( ! reading_traces() || ! offline_sidecar )
		{
		disable_event_group("Beacons::offline");
		return;
		}

	publishing = is_owner;
	# A sidecar that waits for packets to be read answers no pings.
	if ( open_websocket(-1sec) )
		suspend_processing();
	}
