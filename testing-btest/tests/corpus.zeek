# @TEST-DOC: Allow-list lines and server names are decided as Python decides them: the cases of tests/corpus.
# @TEST-EXEC: python3 $FILES/corpus.py $FILES/../../tests/corpus words > cases.zeek
# @TEST-EXEC: zeek -b $PACKAGE %INPUT cases.zeek > output
# @TEST-EXEC: grep -Eq '^[0-9]{3} cases, 0 wrong$' output || { cat output >&2; exit 1; }

module Beacons;

global tried = 0;
global wrong = 0;
global last_line = "";

function judge(what: string, right: bool)
	{
	++tried;
	if ( right )
		return;
	++wrong;
	print "wrong", what;
	}

function try_line(text: string, taken: bool)
	{
	last_line = text;
	reading = AllowList();
	local entry = strip(split_string1(text, /#/)[0]);
	judge(text, taken == ( entry == "" || add_entry(split_string(entry, /[ \t]+/)) ));
	allowed = reading;
	}

function try_probe(orig: addr, resp: addr, p: port, name: string, covered: bool)
	{
	local id = conn_id($orig_h=orig, $orig_p=1024/tcp, $resp_h=resp, $resp_p=p);
	judge(cat(last_line, " | ", orig), covered == ( never_tracked(id) || ( name != "" && never_named(id, name) ) ));
	}

function try_name(raw: string, name: string)
	{
	judge(raw, server_name(raw) == name);
	}
