# @TEST-DOC: A sidecar that speaks another version of the contract is refused with the reason, in a version that it can read.
# @TEST-GROUP: sidecar
# @TEST-PORT: SIDECAR_PORT
# @TEST-EXEC: $SCRIPTS/live steps.py
# @TEST-EXEC: cat peer/.stdout > output
# @TEST-EXEC: btest-diff output

# @TEST-START-FILE steps.py
import peer

zeek = peer.Peer()
for version in (4, 2, 1, 3):
    answer = zeek.hello(v=version, hobbies=["chess"])
    print(version, answer["v"], answer["accepted"], answer["reason"])
zeek.tell("end")
# @TEST-END-FILE
