"""`zeek-beacons serve`: console and API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from zeek_beacons.cli import options

History = Annotated[Optional[Path], typer.Option(help="History file (default: the sidecar's).", show_default=False)]
Report = Annotated[
    Optional[Path], typer.Option(help="Folder with a result of `score -o` or `pcap -o`.", show_default=False)
]
OperatorFile = Annotated[
    Optional[Path],
    typer.Option(
        "--operator",
        help="File of what operators say (default: operator.sqlite beside the history, or in the folder).",
        show_default=False,
    ),
]


def serve(
    history: History = None,
    report: Report = None,
    listen: Annotated[
        Optional[str], typer.Option(help="ADDRESS:PORT to listen on.  [default: 127.0.0.1:8520]", show_default=False)
    ] = None,
    tls_cert: Annotated[
        Optional[Path], typer.Option(help="Certificate chain (PEM); needed beyond loopback.", show_default=False)
    ] = None,
    tls_key: Annotated[Optional[Path], typer.Option(help="Its key (PEM).", show_default=False)] = None,
    operator: OperatorFile = None,
    state: Annotated[
        Optional[Path], typer.Option(help="State file of the sidecar (default: as the sidecar's).", show_default=False)
    ] = None,
    source: Annotated[
        Optional[list[str]],
        typer.Option(
            help="A sensor to show beside others, [NAME=]URL of its `serve` or [NAME=]FILE, a history; may repeat.",
            show_default=False,
        ),
    ] = None,
    inbox: Annotated[
        Optional[Path],
        typer.Option(
            help="Folder for what other machines' `follow --forward` send, to be followed here.", show_default=False
        ),
    ] = None,
    config: options.SystemConfigFile = None,
) -> None:
    """Show what was found in a browser, and answer the HTTP API.

    On loopback reading is free. Every change needs a token, see `zeek-beacons token`; elsewhere everything does.

    Examples:

        zeek-beacons serve

        zeek-beacons serve --report report

        zeek-beacons serve --source north=https://north.example:8520 --source south=/srv/south/history.db

        zeek-beacons serve --listen 10.0.0.5:8520 --tls-cert console.pem --tls-key console.key
    """
    from zeek_beacons.errors import ConfigError

    try:
        from zeek_beacons.serve.start import serve as run
        from zeek_beacons.serve.start import surface_of
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("zeek_beacons"):
            raise
        raise ConfigError(f"the console needs {error.name}: pip install 'zeek-beacons[serve]'") from error
    from zeek_beacons.live import logs
    from zeek_beacons.live.settings import SidecarConfig, config_file
    from zeek_beacons.serve.settings import ServeConfig

    file = config_file(config)
    flags = {
        "history": history,
        "report": report,
        "listen": listen,
        "tls_cert": tls_cert,
        "tls_key": tls_key,
        "operator": operator,
        "state": state,
        "inbox": inbox,
    }
    given: dict[str, object] = {name: None if one is None else str(one) for name, one in flags.items()}
    own = ServeConfig.load(file, flags=given | {"source": source or None})
    logs.set_up("INFO")
    surface = surface_of(own, SidecarConfig.load(file), options.settings(file))
    scheme = "https" if own.tls_cert else "http"
    print(f"{scheme}://{own.listen}/ shows {surface.model.path}", flush=True)
    if not surface.store.tokens():
        place = f" --operator {surface.store.path}"
        print(f"nobody may change anything yet: zeek-beacons token add NAME --write{place}", flush=True)
    run(surface)
