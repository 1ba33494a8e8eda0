"""Addresses and names. Outside addresses are global but unannounced space (US DoD /8s), the same for C2 and benign."""

from __future__ import annotations

_BLOCKS = (26, 28, 29, 30)
_BITS = 26
_STARTS = ("al", "be", "cor", "da", "el", "fin", "gra", "hel", "in", "jo", "ka", "lum", "mar", "no", "or", "pel")
_ENDS = ("bis", "cta", "dex", "fon", "gio", "lia", "mer", "nix", "pra", "quo", "ris", "sta", "tor", "vex", "wic", "zen")

# Well-known servers by the first label that a benign story asks for: most software talks to these, on any network.
WELL_KNOWN = {
    "push": ("push.services.mozilla.com", "client.wns.windows.com", "courier.push.apple.com", "mtalk.google.com"),
    "telemetry": ("incoming.telemetry.mozilla.org", "settings-win.data.microsoft.com", "metrics.icloud.com"),
    "update": ("update.googleapis.com", "aus5.mozilla.org", "download.windowsupdate.com", "swscan.apple.com"),
    "mirror": ("archive.ubuntu.com", "deb.debian.org", "mirrors.fedoraproject.org"),
    "sigs": ("update.eset.com", "definitions.symantec.com", "ncc.avast.com"),
    "sync": ("client.dropbox.com", "storage.live.com", "p01-content.icloud.com"),
    "imap": ("imap.gmail.com", "outlook.office365.com", "imap.mail.yahoo.com"),
    "chat": ("edge-chat.facebook.com", "web.whatsapp.com", "wss-primary.slack.com"),
    "hub": ("use1-api.tplinkra.com", "discovery.meethue.com", "api.smartthings.com"),
    "agent": ("agent.datadoghq.com", "collector.newrelic.com"),
    "ocsp": ("ocsp.digicert.com", "r3.o.lencr.org", "ocsp.sectigo.com"),
    "api": ("api.openweathermap.org", "api.github.com", "graph.facebook.com", "api.telegram.org"),
    "feeds": ("feeds.bbci.co.uk", "rss.nytimes.com", "feeds.feedburner.com"),
    "video": ("video.twimg.com", "i.ytimg.com", "live.vimeocdn.com"),
    "live": ("live.twitch.tv", "live.vimeocdn.com"),
    "ads": ("googleads.g.doubleclick.net", "ib.adnxs.com", "bidder.criteo.com"),
    "www": ("www.wikipedia.org", "www.bbc.co.uk", "www.reddit.com", "www.amazon.com"),
}
OWN_NAME = 4  # one benign server in so many has a name that no list knows


def scramble(number: int) -> int:
    """A bijection on 26 bits, so that neighbours in number do not look like neighbours."""
    mixed = (number * 40_503_037 + 12_345_677) % (1 << _BITS)
    return (mixed ^ (mixed >> 11)) * 9_176_263 % (1 << _BITS)


def outside(number: int) -> str:
    """The address of an outside responder; different for every number below 2 ** 26."""
    code = scramble(number)
    return f"{_BLOCKS[code >> 24]}.{code >> 16 & 255}.{code >> 8 & 255}.{code & 255}"


def host(site: int, index: int) -> str:
    return f"10.{site >> 8}.{site & 255}.{10 + index}"


def server(site: int, index: int) -> str:
    return f"10.{128 + (site >> 8)}.{site & 255}.{1 + index}"


def name(first: str, number: int) -> str:
    """A server name under a domain of its own for each responder; .example, so that nobody is accused."""
    code = scramble(number)
    return f"{first}.{_STARTS[code & 15]}{_ENDS[code >> 4 & 15]}{_ENDS[code >> 8 & 15]}{code >> 12:x}.example"


def service_name(first: str, number: int) -> str:
    """The server name of a benign responder: mostly that of a well-known server, else as `name`."""
    code, known = scramble(number), WELL_KNOWN.get(first, ())
    return known[code // OWN_NAME % len(known)] if known and code % OWN_NAME else name(first, number)
