"""Turns the cases that Python and Zeek must decide alike into a Zeek script on standard output."""

import json
import sys
from pathlib import Path

CORPUS = Path(sys.argv[1])


def quoted(text: str) -> str:
    """A Zeek string: printable ASCII as it is, any other byte escaped."""
    return (
        '"' + "".join(chr(b) if 0x20 <= b < 0x7F and b not in b'"\\\\' else f"\\x{b:02x}" for b in text.encode()) + '"'
    )


lines = json.loads((CORPUS / "allow_list.json").read_text())
print("module Beacons;\n\nevent zeek_init() &priority=-10\n\t{")
for case in lines["cases"]:
    covers = case["covers"]
    print(f"\ttry_line({quoted(case['line'])}, {'F' if covers is None else 'T'});")
    for (orig, resp, port, proto, name), covered in zip(lines["probes"], covers or (), strict=bool(covers)):
        ends = ", ".join(f"[{end}]" if ":" in end else end for end in (orig, resp))
        print(f"\ttry_probe({ends}, {port}/{proto}, {quoted(name)}, {'T' if covered else 'F'});")
for case in json.loads((CORPUS / "server_names.json").read_text()):
    print(f"\ttry_name({quoted(case['raw'])}, {quoted(case['name'])});")
print('\tprint fmt("%d cases, %d wrong", tried, wrong);\n\t}')
