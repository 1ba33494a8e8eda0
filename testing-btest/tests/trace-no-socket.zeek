# @TEST-DOC: A trace is read without opening a port, publishing or remembering anything for a sidecar.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: python3 taken.py zeek -b -r $TRACES/beacon.pcap $PACKAGE %INPUT > output 2> errors
# @TEST-EXEC: ! grep error errors
# @TEST-EXEC: btest-diff output

module Beacons;

redef listen = T;
redef listen_port = to_port(getenv("SIDECAR_PORT"));

event zeek_done() &priority=-20
	{
	print "published", progress[0]$seq, "outstanding", outstanding();
	}

# @TEST-START-FILE taken.py
import os
import socket
import subprocess
import sys

with socket.create_server(("127.0.0.1", int(os.environ["SIDECAR_PORT"].split("/")[0]))):
    sys.exit(subprocess.call(sys.argv[1:]))
# @TEST-END-FILE
