# @TEST-DOC: One notice an incident and level: who joins later raises one only by a higher level, and what two incidents were noticed at counts when they become one.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py %INPUT
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: sort zeek/.stdout >> output
# @TEST-EXEC: zeek-cut note src sub < zeek/notice.log | sed -e 's/ sleep.*//' >> output
# @TEST-EXEC: zeek-cut id.orig_h kind incident joined level < zeek/beacon_verdicts.log >> output
# @TEST-EXEC: btest-diff output

hook Notice::policy(n: Notice::Info)
	{
	print "identifier", n$identifier;
	}

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
zeek.hello()
hosts = {}
for host in (5, 6, 7):
    zeek.tell(f"feed 10.0.0.{host} 203.0.113.7 443/tcp 6")
    hosts[host] = zeek.next("candidate")
for host, level, incident, joined in (
    (5, 2, "aa", []),
    (6, 2, "aa", []),  # joins: no notice
    (6, 1, "aa", []),
    (7, 3, "bb", []),  # another incident
    (6, 3, "aa", []),  # lifts the level of the first
    (5, 2, "aa", ["bb"]),  # the two are one
    (7, 3, "aa", ["bb"]),
    (7, 4, "aa", ["bb"]),
    (6, 4, "aa", ["bb"]),
):
    zeek.alert(hosts[host], level, incident=incident, joined=joined)
    noticed = zeek.next("noticed")
    print("verdict", host, level, incident, "noticed", noticed["incident"], noticed["level"])
zeek.alert(hosts[5], 3, incident="cc")
zeek.alert(hosts[6], 2, incident="dd", joined=["cc"])
for _ in range(2):
    noticed = zeek.next("noticed")
    print("noticed", noticed["incident"], noticed["level"])
zeek.tell("end")
# @TEST-END-FILE
