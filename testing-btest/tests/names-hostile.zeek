# @TEST-DOC: Bytes that an attacker puts into a server name come out escaped, in lower case and cut at 253.
# @TEST-EXEC: zeek -b -r $TRACES/hostile_names.pcap $PACKAGE LogAscii::use_json=T %INPUT
# @TEST-EXEC: python3 -c 'import json; print(*sorted({json.loads(line)["resp"] for line in open("beacon_candidates.log")}), sep="\n")' > output
# @TEST-EXEC: btest-diff output
