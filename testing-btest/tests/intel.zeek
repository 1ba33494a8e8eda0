# @TEST-DOC: Hits of Zeek's Intel framework on a server mark the candidates of its pairs; hits elsewhere do not.
# @TEST-EXEC: zeek -r $TRACES/presented.pcap frameworks/intel/seen $PACKAGE %INPUT
# @TEST-EXEC: zeek-cut reason channel id.orig_h resp intel < beacon_candidates.log | grep final | sort > output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE list.dat
#fields	indicator	indicator_type	meta.source
203.0.113.60	Intel::ADDR	tests
b.example	Intel::DOMAIN	tests
10.0.0.7	Intel::ADDR	tests
# @TEST-END-FILE

redef Intel::read_files += { "list.dat" };

# The list is read beside the packets: they wait until it is there.
redef exit_only_after_terminate = T;

event zeek_init()
	{
	suspend_processing();
	}

event Input::end_of_data(name: string, source: string)
	{
	if ( source == "list.dat" )
		continue_processing();
	}

event Pcap::file_done(path: string)
	{
	terminate();
	}
