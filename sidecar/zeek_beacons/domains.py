"""Registered domains of server names: who answers for a name, as far as the name alone can tell."""

from __future__ import annotations

# Second-level labels under which a country registers domains, the same as in the Zeek package (dns.zeek).
COUNTRY_LABELS = frozenset(("ac", "co", "com", "edu", "go", "gov", "mil", "ne", "net", "or", "org"))

# Domains whose names belong to strangers: clouds, delivery networks, hosting, dynamic DNS, tunnels.
SHARED_DOMAINS = frozenset(
    (
        "akadns.net", "akamai.net", "akamaiedge.net", "akamaized.net", "amazonaws.com", "appspot.com", "azure.com",
        "azureedge.net", "azurefd.net", "azurewebsites.net", "b-cdn.net", "blogspot.com", "cdn77.org", "changeip.com",
        "cloudapp.net", "cloudflare.net", "cloudfront.net", "ddns.net", "digitaloceanspaces.com", "duckdns.org",
        "dyndns.org", "dynu.net", "edgekey.net", "edgesuite.net", "fastly.net", "fastlylb.net", "firebaseapp.com",
        "firebaseio.com", "freemyip.com", "github.io", "gitlab.io", "googleusercontent.com", "herokuapp.com",
        "hopto.org", "llnwd.net", "myftp.org", "mynetav.net", "netlify.app", "ngrok.io", "ngrok-free.app", "no-ip.biz",
        "no-ip.info", "no-ip.org", "noip.me", "onrender.com", "oraclecloud.com", "pages.dev", "r2.dev", "servebeer.com",
        "serveo.net", "sharepoint.com", "sytes.net", "trafficmanager.net", "trycloudflare.com", "vercel.app", "web.app",
        "webhop.me",
        "weebly.com", "windows.net", "wixsite.com", "wordpress.com", "workers.dev", "zapto.org",
    )
)  # fmt: skip


def registered(name: str) -> str:
    """The last two labels of a name, three where a country registers there; the whole name under SHARED_DOMAINS.

    Close enough to what the public suffix list says, without its 10,000 entries.
    """
    labels = name.split(".")
    last = labels[-2:]
    if len(labels) < 3:
        return name
    domain = ".".join(last)
    if domain in SHARED_DOMAINS:
        return name
    return ".".join(labels[-3:]) if len(last[1]) == 2 and last[0] in COUNTRY_LABELS else domain
