"""Turns the cases that Python and Zeek must decide alike into a Zeek script on standard output: FOLDER words|merge."""

import json
import sys
from pathlib import Path

CORPUS = Path(sys.argv[1])


def quoted(text: str) -> str:
    """A Zeek string: printable ASCII as it is, any other byte escaped."""
    return (
        '"' + "".join(chr(b) if 0x20 <= b < 0x7F and b not in b'"\\\\' else f"\\x{b:02x}" for b in text.encode()) + '"'
    )


def number(value: float | None) -> str:
    """A number that the case gives; -1, as the package has it, where it gives none."""
    return "-1" if value is None else repr(value)


def words() -> None:
    """The lines of allow-lists and the server names."""
    lines = json.loads((CORPUS / "allow_list.json").read_text())
    for case in lines["cases"]:
        covers = case["covers"]
        print(f"\ttry_line({quoted(case['line'])}, {'F' if covers is None else 'T'});")
        for (orig, resp, port, proto, name), covered in zip(lines["probes"], covers or (), strict=bool(covers)):
            ends = ", ".join(f"[{end}]" if ":" in end else end for end in (orig, resp))
            print(f"\ttry_probe({ends}, {port}/{proto}, {quoted(name)}, {'T' if covered else 'F'});")
    for case in json.loads((CORPUS / "server_names.json").read_text()):
        print(f"\ttry_name({quoted(case['raw'])}, {quoted(case['name'])});")


def merge() -> None:
    """The pieces of connections: of TCP, and from a known port, since Zeek hands no others to the merge rule."""
    for case in json.loads((CORPUS / "merge.json").read_text()):
        if any(piece["proto"] != "tcp" or piece["id.orig_p"] is None for piece in case["pieces"]):
            continue
        print(f"\tbegin_case({quoted(case['name'])});")
        for piece in case["pieces"]:
            sizes = ", ".join(number(piece[name]) for name in ("at", "duration", "orig_bytes", "resp_bytes"))
            texts = f"{quoted(piece['conn_state'])}, {quoted(piece['history'] or '')}"
            print(f"\ttry_piece({piece['id.orig_p']}/tcp, {sizes}, {texts});")
        for *sizes, state in case["connections"]:
            print(f"\texpect({', '.join(map(number, sizes))}, {quoted(state)});")
        print("\tend_case();")


print("module Beacons;\n\nevent zeek_init() &priority=-10\n\t{")
{"words": words, "merge": merge}[sys.argv[2]]()
print('\tprint fmt("%d cases, %d wrong", tried, wrong);\n\t}')
