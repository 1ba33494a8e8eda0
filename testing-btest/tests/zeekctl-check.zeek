# @TEST-DOC: `zeekctl check` runs a Zeek beside the one that has the port: it opens none and complains of nothing.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: btest-bg-run zeek "ZEEKCTL_DISABLE_LISTEN=1 ZEEKCTL_CHECK_CONFIG=1 python3 ../taken.py zeek -b $PACKAGE $FILES/live.zeek %INPUT"
# @TEST-EXEC: btest-bg-wait 120
# @TEST-EXEC: grep Beacons zeek/.stderr > output || true
# @TEST-EXEC: btest-diff output

event end()
	{
	terminate();
	}

event zeek_init()
	{
	schedule 1sec { end() };
	}

# @TEST-START-FILE taken.py
import os
import socket
import subprocess
import sys

with socket.create_server(("127.0.0.1", int(os.environ["SIDECAR_PORT"].split("/")[0]))):
    sys.exit(subprocess.call(sys.argv[1:]))
# @TEST-END-FILE
