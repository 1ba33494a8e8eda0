"""`zeek-beacons validate`: is this input readable, and what is in it?"""

from __future__ import annotations

import json

from zeek_beacons.cli import options
from zeek_beacons.errors import InputError


def validate(
    inputs: options.Inputs,
    form: options.Form = None,
    columns: options.Columns = None,
    names: options.NameLogs = None,
    begin: options.Begin = None,
    until: options.Until = None,
    direction: options.Direction = None,
    local_net: options.LocalNets = None,
    strict: options.Strict = False,
    config: options.ConfigFile = None,
    as_json: options.AsJson = False,
) -> None:
    """Read logs without scoring them and say what was found: formats, rows, bad lines, time span, clock jumps.

    Input that cannot be read, or holds no row, ends with exit code 2.

    Examples:

        zeek-beacons validate conn.log

        zeek-beacons validate --strict 'logs/conn.*.log.gz'
    """
    from zeek_beacons.readers import read
    from zeek_beacons.readers.ingest import TWICE

    settings = options.settings(config, direction=direction, local_nets=local_net, map=columns)
    with options.progress(inputs) as advance:
        pairs, ingest = read(options.request(inputs, form, names, begin, until, strict), settings, advance)
    if not ingest.rows:
        raise InputError(next(iter(ingest.files)), "a header and no row: nothing to score")
    found = ingest.summary() | {
        "pairs": len(pairs),
        "pairs_with_enough_connections": int((pairs.conns >= settings.min_connections).sum()),
    }
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for path, kind in ingest.files.items():
        print(f"{path}: {kind}")
    print(f"{ingest.rows_used} of {ingest.rows} rows used, {len(pairs)} pairs")
    print(f"{found['pairs_with_enough_connections']} pairs with {settings.min_connections} or more connections")
    for reason, skipped in ingest.skipped.items():
        print(f"skipped {skipped.rows}: {reason}")
        for path, line, text in skipped.examples:
            print(f"  {path}:{line}: {text}")
    for reason, rows in ingest.outside.items():
        print(f"left out {rows}: {reason}")
    twice = f" ({TWICE})" if ingest.duplicates else ""
    print(
        f"{ingest.duplicates} duplicate rows{twice}, {ingest.merged} mid-stream pieces merged, "
        f"{ingest.answers} answers joined"
    )
    clock = found["clock"]
    if clock["backward_jumps"] or clock["silences_over_an_hour"]:
        print(
            f"clock: {clock['backward_jumps']} jumps back (up to {clock['longest_backward_seconds']:.0f} s), "
            f"{clock['silences_over_an_hour']} silences over an hour (up to {clock['longest_silence_seconds']:.0f} s)"
        )
    for note in ingest.notes:
        print(f"note: {note}")
