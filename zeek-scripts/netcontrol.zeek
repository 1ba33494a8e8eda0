##! A recipe that nothing loads by itself: NetControl keeps a host from a server where their verdict is severe. What
##! carries that out, a switch or a firewall, is a plugin of NetControl that the site activates. See docs/netcontrol.md.

@load ./main
@load ./verdict-log
@load ./notice
@load base/frameworks/netcontrol
@load base/utils/site

module Beacons;

export {
	redef enum Notice::Type += {
		## NetControl was asked to drop what a host sends to a server.
		Dropped,
		## Something severe is not dropped: *max_drops* are in force, or NetControl refused.
		Not_Dropped
	};

	## The severity from which traffic is dropped: 1 low to 4 critical; 5: none is.
	option drop_from_level: count = 4;

	## How long. A verdict as severe after that drops anew.
	option drop_for: interval = 1hr;

	## Hosts and servers kept apart at once, at most: beyond, a person has to look.
	option max_drops: count = 50;

	## Networks whose traffic is never dropped, whichever end they are.
	option never_drop: set[subnet] = {};

	## Whether traffic between two local hosts may be dropped.
	option drop_internal: bool = F;

	## Veto: a handler that breaks keeps traffic from being dropped.
	global drop_policy: hook(rec: Verdict);
}

type Drop: record {
	rule: string;
	# The pairs whose verdicts ask for it.
	pairs: set[string];
};

function lasting(): interval
	{
	return drop_for;
	}

# By originator and address of the responder, as long as NetControl keeps the rule.
global drops: table[addr, addr] of Drop &create_expire=lasting();

function pair_of(rec: Verdict): string
	{
	return cat(rec$id$orig_h, rec$resp, rec$id$resp_p);
	}

function may_drop(rec: Verdict): bool
	{
	local id = rec$id;
	if ( rec$level == 0 || rec$level < drop_from_level )
		return F;
	if ( id$orig_h in never_drop || id$resp_h in never_drop )
		return F;
	if ( ! drop_internal
	    && Site::is_local_addr(id$orig_h)
	    && Site::is_local_addr(id$resp_h) )
		return F;
	return hook drop_policy(rec);
	}

function tell(note: Notice::Type, rec: Verdict, msg: string)
	{
	local id = rec$id;
	NOTICE(Notice::Info($note=note, $msg=msg, $sub=fmt(
	    "severity=%s incident=%s resp=%s", rec$severity, rec$incident,
	    rec$resp), $id=id, $uid=rec$uid, $src=id$orig_h, $dst=id$resp_h,
	    $p=id$resp_p, $identifier=cat(id$orig_h, id$resp_h)));
	}

function drop(rec: Verdict)
	{
	local id = rec$id;
	if ( [id$orig_h, id$resp_h] in drops )
		{
		add drops[id$orig_h, id$resp_h]$pairs[pair_of(rec)];
		return;
		}
	if ( |drops| >= max_drops )
		{
		tell(Not_Dropped, rec, fmt("%s to %s is not dropped: %d pairs of hosts are already (Beacons::max_drops); %s",
		    id$orig_h, id$resp_h, |drops|, rec$summary));
		return;
		}

	local flow = NetControl::Flow($src_h=addr_to_subnet(id$orig_h),
	    $dst_h=addr_to_subnet(id$resp_h));
	local rule = NetControl::add_rule(NetControl::Rule($ty=NetControl::DROP,
	    $target=NetControl::FORWARD, $entity=NetControl::Entity(
	    $ty=NetControl::FLOW, $flow=flow), $expire=drop_for, $location=fmt(
	    "zeek-beacons, incident %s", rec$incident)));
	if ( rule == "" )
		{
		tell(Not_Dropped, rec, fmt("%s to %s is not dropped: NetControl took no rule, netcontrol.log says why; %s",
		    id$orig_h, id$resp_h, rec$summary));
		return;
		}
	drops[id$orig_h, id$resp_h] = Drop($rule=rule, $pairs=set(pair_of(rec)));
	tell(Dropped, rec, fmt("What %s sends to %s is dropped for %s: %s", id$orig_h,
	    id$resp_h, drop_for, rec$summary));
	}

# A later verdict that the pair does not beacon, or need not alert, takes back what only it had asked for.
function release(rec: Verdict)
	{
	local id = rec$id;
	if ( rec$level > 0 || [id$orig_h, id$resp_h] !in drops )
		return;
	local known = drops[id$orig_h, id$resp_h];
	delete known$pairs[pair_of(rec)];
	if ( |known$pairs| > 0 )
		return;
	delete drops[id$orig_h, id$resp_h];
	NetControl::remove_rule(known$rule,
	    "zeek-beacons: a later verdict does not alert");
	}

hook verdict_found(rec: Verdict) &priority=-10
	{
	if ( may_drop(rec) )
		drop(rec);
	else
		release(rec);
	}

# What is wrong with a value of an option, or "".
function wrong_drop_option(id: string, value: any): string
	{
	if ( id == "Beacons::drop_from_level"
	    && ( ( value as count ) < 1 || ( value as count ) > 5 ) )
		return fmt("%s is %s, expected 1 to 5", id, value as count);
	if ( id == "Beacons::drop_for"
	    && ( ( value as interval ) < 1sec || ( value as interval ) > 365day ) )
		return fmt("%s is %s, expected 1 second to 365 days", id, value as interval);
	return "";
	}

function check_drop_level(id: string, value: count): count
	{
	local problem = wrong_drop_option(id, value);
	if ( problem == "" )
		return value;
	Reporter::warning(fmt("%s; the old value stays", problem));
	return drop_from_level;
	}

function check_drop_for(id: string, value: interval): interval
	{
	local problem = wrong_drop_option(id, value);
	if ( problem == "" )
		return value;
	Reporter::warning(fmt("%s; the old value stays", problem));
	return drop_for;
	}

event zeek_init() &priority=10
	{
	for ( _, problem in vector(wrong_drop_option("Beacons::drop_from_level",
	    drop_from_level), wrong_drop_option("Beacons::drop_for",
	    drop_for)) )
		if ( problem != "" )
			Reporter::fatal(problem);
	Option::set_change_handler("Beacons::drop_from_level", check_drop_level, 10);
	Option::set_change_handler("Beacons::drop_for", check_drop_for, 10);
	}
