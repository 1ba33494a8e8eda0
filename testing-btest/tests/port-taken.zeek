# @TEST-DOC: Where another program has the port, Zeek says so and goes on without a sidecar.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: btest-bg-run zeek "python3 ../taken.py zeek -b $PACKAGE $FILES/live.zeek %INPUT"
# @TEST-EXEC: btest-bg-wait 120
# @TEST-EXEC: zeek-cut reason conns < zeek/beacon_candidates.log > output
# @TEST-EXEC: grep -o 'Beacons: .*' zeek/.stderr | sed -e "s/:[0-9]* is taken/:PORT is taken/" | sort -u >> output
# @TEST-EXEC: btest-diff output

event later()
	{
	Test::feed("10.0.0.5", "203.0.113.7", 443/tcp, 6);
	terminate();
	}

event zeek_init()
	{
	schedule 2sec { later() };
	}

# @TEST-START-FILE taken.py
import os
import socket
import subprocess
import sys

with socket.create_server(("127.0.0.1", int(os.environ["SIDECAR_PORT"].split("/")[0]))):
    sys.exit(subprocess.call(sys.argv[1:]))
# @TEST-END-FILE
