"""Benign rhythms with a name, as data: what every analyst knows.

Sources: RFC 5905 (NTP: 48 bytes, 68 with a key), RFC 2131 (DHCP), RFC 1035 (DNS), RFC 6960 (OCSP), RFC 1002 (NetBIOS),
RFC 792 (echo), RFC 3948 and the WireGuard paper (keep-alives of tunnels), RFC 4271 (BGP), MQTT 3.1.1, RFC 3550 and 7675
(calls), IANA's port numbers; most server names from the makers' own firewall documents, some from captures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from zeek_beacons.keys import CONN, DNS, POLL

RESOLVERS = (
    "8.8.8.8", "8.8.4.4", "1.1.1.1", "1.0.0.1", "9.9.9.9", "149.112.112.112", "208.67.222.222", "208.67.220.220",
    "4.2.2.1", "4.2.2.2", "2001:4860:4860::8888", "2001:4860:4860::8844", "2606:4700:4700::1111", "2620:fe::fe",
)  # fmt: skip

# What connectivity-check.ubuntu.com resolves to: NetworkManager asks one of them every five minutes.
CONNECTIVITY = (
    "35.224.170.84", "35.232.111.17", "34.122.121.32", "185.125.190.17", "185.125.190.18", "185.125.190.48",
    "185.125.190.49", "185.125.190.96", "185.125.190.97", "185.125.190.98", "91.189.91.48", "91.189.91.49",
    "91.189.91.96", "91.189.91.97", "91.189.91.98",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class LookAlike:
    """One benign rhythm. A pair fits where everything stated holds; ranges hold the median bytes a connection."""

    code: str
    text: str
    proto: str = ""
    ports: tuple[int, ...] = ()
    services: tuple[str, ...] = ()  # one of them is recognised
    names: tuple[str, ...] = ()  # the server's name is one of these or below it
    labels: tuple[str, ...] = ()  # the first label of the server's name begins with one of these
    sent: tuple[float, float] = (0.0, np.inf)
    received: tuple[float, float] = (0.0, np.inf)  # of those answered
    packet: int = 0  # bytes of a packet: known sizes both ways are whole multiples of it, nearly all
    addresses: tuple[str, ...] = ()  # the responder is one of these, or `shared` is stated and holds
    same_sent: float = 0.0  # least share of connections that send the median amount, within 10 %
    inside: bool = False  # the responder is one of the site's own
    shared: int = 1  # hosts of the site that go there, at least
    certain: bool = True  # a protocol that nothing else is like: what fits never alerts
    channel: str = ""  # one of keys.CHANNELS
    gap: float = np.inf  # median seconds from one check-in to the next, at most


LOOK_ALIKES: tuple[LookAlike, ...] = (
    LookAlike("ntp", "NTP", "udp", (123,), packet=48, sent=(48, 960)),
    LookAlike("time_service", "a time service", "udp", (123,), ("ntp",), sent=(48, 960)),
    LookAlike(
        "time_server",
        "a time server",
        "udp",
        (123,),
        names=("ntp.org", "time.windows.com", "time.apple.com", "time.google.com", "time.cloudflare.com",
               "time.nist.gov", "ntp.ubuntu.com", "time.android.com", "nist.gov", "ntppool.org"),
    ),
    LookAlike("dhcp", "a DHCP renewal", "udp", (67, 547), sent=(60, 600), received=(0, 700), inside=True),
    LookAlike("dhcp_service", "a DHCP renewal", "udp", (67, 547), ("dhcp",), inside=True),
    LookAlike("netbios", "NetBIOS announcements", "udp", (137, 138), inside=True),
    LookAlike(
        "file_sharing",
        "Windows file sharing",
        "tcp",
        (139, 445),
        ("smb", "gssapi", "ntlm"),
        inside=True,
        certain=False,
    ),
    LookAlike(
        "domain_controller",
        "a client of its domain controller",
        ports=(88, 135, 389, 464, 636, 3268, 3269),
        services=("krb", "krb_tcp", "krb_udp", "dce_rpc", "ldap", "ldap_udp", "ldap_tcp", "gssapi"),
        inside=True,
        certain=False,
    ),
    LookAlike("snmp", "SNMP monitoring", "udp", (161, 162), ("snmp",), inside=True),
    LookAlike("syslog", "a log collector", "udp", (514,), inside=True, certain=False),
    LookAlike(
        "monitoring",
        "monitoring (Nagios, Zabbix, Prometheus)",
        "tcp",
        (5666, 9090, 9100, 9115, 10050, 10051),
        inside=True,
        certain=False,
    ),
    LookAlike("printer", "a printer", "tcp", (515, 631, 9100), inside=True, certain=False),
    LookAlike(
        "resolver",
        "queries to a shared DNS resolver",
        "udp",
        (53,),
        ("dns",),
        sent=(17, 120),
        shared=3,
        addresses=RESOLVERS,
        channel=CONN,
    ),
    LookAlike(
        "site_resolver",
        "queries to the site's own DNS resolver",
        "udp",
        (53,),
        ("dns",),
        sent=(17, 60),  # names that people and programs ask for; a tunnel's queries are longer
        inside=True,
        certain=False,
        channel=CONN,
    ),
    LookAlike(
        "outside_resolver",
        "queries to a DNS resolver",
        "udp",
        (53,),
        ("dns",),
        sent=(17, 60),
        certain=False,
        channel=CONN,
    ),
    LookAlike(
        "reputation",
        "a list of senders and files that is asked over DNS",
        names=(
            "spamhaus.org", "spamhaus.net", "spamcop.net", "sorbs.net", "barracudacentral.org", "surbl.org",
            "uribl.com", "dnswl.org", "senderbase.org", "mailspike.net", "psbl.org", "uceprotect.net", "abuseat.org",
            "njabl.org", "ahbl.org", "dsbl.org", "mcafee.com", "trustedsource.org", "sophosxl.net", "sophosxl.com",
            "cymru.com", "e5.sk", "avast.com", "mailshell.net",
        ),
        channel=DNS,
    ),
    # What keeps sessions alive that stay open, and what is exchanged in them all the time.
    LookAlike("ipsec", "keep-alives of an IPsec tunnel", "udp", (4500,), sent=(0, 1), received=(0, 1), channel=POLL),
    LookAlike("wireguard", "keep-alives of a WireGuard tunnel", "udp", (51820,), sent=(0, 32), received=(0, 32),
              channel=POLL),
    LookAlike("openvpn", "keep-alives of an OpenVPN tunnel", "udp", (1194,), sent=(16, 128), certain=False,
              channel=POLL),
    LookAlike("mqtt", "keep-alives of MQTT", "tcp", services=("mqtt",), sent=(2, 2), received=(2, 2), channel=POLL),
    LookAlike("bgp", "keep-alives of BGP", "tcp", (179,), sent=(19, 19), received=(19, 19), channel=POLL),
    LookAlike("session", "keep-alives of a terminal or desktop session", "tcp", services=("ssh", "rdp", "rfb"),
              sent=(0, 128), received=(0, 128), same_sent=0.9, channel=POLL),
    LookAlike("telephone", "a telephone that keeps in touch with its exchange", services=("sip",), channel=POLL),
    LookAlike("medium", "a call, a game or another medium", "udp", gap=6.0, certain=False, channel=POLL),
    LookAlike("echo", "an echo check", "icmp", sent=(0, 64), received=(0, 64), same_sent=0.95),
    LookAlike("ocsp", "OCSP and CRL checks", "tcp", (80,), ("http",), labels=("ocsp", "crl"), sent=(100, 700)),
    LookAlike(
        "certificates",
        "OCSP and CRL checks",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        ("lencr.org", "digicert.com", "ocsp.pki.goog", "pki.goog", "sectigo.com", "usertrust.com",
               "globalsign.com", "entrust.net", "verisign.com", "symcd.com", "symcb.com", "geotrust.com",
               "thawte.com", "comodoca.com", "amazontrust.com", "godaddy.com", "starfieldtech.com", "crl.microsoft.com",
               "identrust.com", "telesec.de", "rapidssl.com", "trust-provider.com"),
    ),
    LookAlike(
        "safe_browsing",
        "a browser's list of dangerous sites",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        (
            "safebrowsing.google.com", "safebrowsing-cache.google.com", "safebrowsing.clients.google.com",
            "sb-ssl.google.com", "safebrowsing.googleapis.com", "safebrowsing.brave.com", "safebrowsing.apple",
            "shavar.services.mozilla.com", "shavar.prod.mozaws.net", "tracking-protection.cdn.mozilla.net",
            "smartscreen.microsoft.com", "smartscreen-prod.microsoft.com", "urs.microsoft.com",
            "phishguard.opera.com", "sitecheck2.opera.com",
        ),
    ),
    LookAlike(
        "update",
        "a software update check",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        (
            "windowsupdate.com", "update.microsoft.com", "mp.microsoft.com", "download.microsoft.com",
            "swscan.apple.com", "swcdn.apple.com", "swdist.apple.com", "mesu.apple.com", "gdmf.apple.com",
            "xp.apple.com", "appldnld.apple.com",
            "archive.ubuntu.com", "security.ubuntu.com", "changelogs.ubuntu.com", "api.snapcraft.io", "deb.debian.org",
            "security.debian.org", "mirrors.fedoraproject.org", "mirrorlist.centos.org", "esm.ubuntu.com",
            "aus5.mozilla.org", "aus4.mozilla.org", "aus3.mozilla.org", "aus2.mozilla.org",
            "services.addons.mozilla.org",
            "versioncheck.addons.mozilla.org", "settings.services.mozilla.com", "firefox.settings.services.mozilla.com",
            "content-signature-2.cdn.mozilla.net", "normandy.cdn.mozilla.net", "download.mozilla.org",
            "update.googleapis.com", "clients2.google.com", "clients4.google.com", "tools.google.com", "gvt1.com",
            "clientservices.googleapis.com", "optimizationguide-pa.googleapis.com", "android.clients.google.com",
            "edge.microsoft.com", "msedge.api.cdp.microsoft.com", "config.edge.skype.com", "fwupd.org",
            "adobe.com", "javadl-esd.sun.com", "javadl.sun.com", "dl.sourceforge.net", "update.code.visualstudio.com",
            "autoupdate.opera.com", "autoupdate.geo.opera.com",
        ),
    ),
    LookAlike(
        "tiles",
        "news and weather that the desktop fetches",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        (
            "tile-service.weather.microsoft.com", "cdn.content.prod.cms.msn.com", "tile.msn.com", "arc.msn.com",
            "api.msn.com", "contile.services.mozilla.com", "spocs.getpocket.com", "getpocket.cdn.mozilla.net",
            "weather.noaa.gov",
        ),
    ),
    LookAlike(
        "antivirus",
        "a signature update",
        "tcp",
        (80, 443, 8883),
        ("http", "ssl", "mqtt"),
        (
            "eset.com", "avast.com", "avcdn.net", "avg.com", "kaspersky.com", "kaspersky-labs.com", "symantec.com",
            "norton.com", "mcafee.com", "trendmicro.com", "sophos.com", "sophosxl.net", "bitdefender.com",
            "bitdefender.net", "f-secure.com", "malwarebytes.com", "clamav.net", "nai.com", "crowdstrike.com",
            "wdcp.microsoft.com", "wd.microsoft.com", "symantecliveupdate.com",
        ),
    ),
    LookAlike(
        "antispam",
        "a mail filter's block list",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        ("mailshell.net", "cloudmark.com", "messagelabs.com", "spamhaus.org", "spamcop.net", "ctmail.com"),
    ),
    LookAlike(
        "push",
        "a push notification channel",
        "tcp",
        (443, 5223, 5228, 5229, 5230),
        ("ssl",),
        (
            "push.apple.com", "mtalk.google.com", "push.services.mozilla.com", "wns.windows.com", "notify.windows.com",
            "pusher.com", "pusherapp.com", "onesignal.com", "fcm.googleapis.com", "urbanairship.com", "pubnub.com",
            "client.wns.windows.com",
        ),
    ),
    LookAlike(
        "telemetry",
        "product telemetry",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        (
            "events.data.microsoft.com", "vortex.data.microsoft.com", "vortex-win.data.microsoft.com",
            "telemetry.microsoft.com", "watson.microsoft.com", "settings-win.data.microsoft.com",
            "telemetry.mozilla.org",
            "incoming.telemetry.mozilla.org", "crashlytics.com", "app-measurement.com", "metrics.icloud.com",
            "metrics.apple.com", "sentry.io", "nr-data.net", "newrelic.com", "datadoghq.com", "grammarly.com",
            "grammarly.io", "go-mpulse.net", "google-analytics.com", "sqm.microsoft.com", "applicationinsights.io",
            "bugsnag.com", "mixpanel.com", "segment.io", "optimizely.com", "metrics.ubuntu.com", "omtrdc.net",
        ),
    ),
    LookAlike(
        "sync",
        "a file synchronisation client",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        ("dropbox.com", "dropboxapi.com", "onedrive.live.com", "storage.live.com", "drive.google.com",
               "icloud.com", "icloud-content.com", "box.com", "sync.com", "notify.dropbox.com", "ubuntuone.com",
               "one.ubuntu.com", "evernote.com"),
    ),
    LookAlike(
        "chat",
        "a chat client that keeps in touch",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        ("slack.com", "slack-msgs.com", "teams.microsoft.com", "trouter.teams.microsoft.com", "skype.com",
               "whatsapp.net", "web.whatsapp.com", "signal.org", "zoom.us", "webex.com", "chat.google.com",
               "chat.facebook.com", "edge-chat.facebook.com", "messenger.com"),
    ),
    LookAlike(
        "webmail",
        "a mail client that looks for news",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        ("mail.google.com", "inbox.google.com", "imap.gmail.com", "gmail.com", "outlook.office365.com",
               "outlook.office.com", "outlook.live.com", "mail.live.com", "hotmail.com", "mail.yahoo.com",
               "autodiscover.outlook.com", "mail.me.com", "fastmail.com", "mail.aol.com", "gmx.net", "web.de"),
    ),
    LookAlike(
        "connectivity",
        "a connectivity check",
        "tcp",
        (80, 443),
        ("http", "ssl"),
        ("msftconnecttest.com", "msftncsi.com", "connectivitycheck.gstatic.com", "captive.apple.com",
               "detectportal.firefox.com", "connectivity-check.ubuntu.com", "nmcheck.gnome.org",
               "motd.ubuntu.com", "dns.msftncsi.com", "clients3.google.com", "clients1.google.com",
               "connectivitycheck.android.com", "network-test.debian.org"),
    ),
    LookAlike(
        "connectivity_servers",
        "Ubuntu's connectivity check",
        "tcp",
        (80,),
        ("http", ""),
        sent=(60, 150),
        received=(0, 400),
        addresses=CONNECTIVITY,
    ),
    LookAlike(
        "smart_home",
        "a smart device and its maker's cloud",
        "tcp",
        (80, 443, 8883, 50443),
        ("http", "ssl", "mqtt", ""),
        ("tplinkra.com", "tplinkcloud.com", "meethue.com", "tuyaus.com", "tuyaeu.com", "tuyacn.com", "nest.com",
         "ring.com", "wyze.com", "roku.com", "sonos.com", "smartthings.com", "ecobee.com", "belkin.com", "xbcs.net"),
    ),
    LookAlike("mail_names", "a mail check", "tcp", (110, 143, 993, 995), ("ssl", "imap", "pop3", ""),
              labels=("imap", "pop", "mail", "smtp", "mx")),
    LookAlike("mail", "a mail check", "tcp", (110, 143, 993, 995), ("imap", "pop3"), certain=False),
)  # fmt: skip
