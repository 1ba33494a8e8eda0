"""Which lists go into the file of public knowledge, under which tag, and what we know better than they do."""

from __future__ import annotations

from collections.abc import Mapping

# Lists of pymispwarninglists. Popular hosts: a list, and how many it holds of the most popular.
# Tranco is left out: it is made from Cloudflare Radar too, which is not for commercial use (CC BY-NC 4.0).
POPULAR: tuple[tuple[str, int], ...] = (
    ("cisco_top1000", 1_000),
    ("cisco_top5k", 5_000),
    ("cisco_top10k", 10_000),
    ("cisco_top20k", 20_000),
    ("google-chrome-crux-1million", 1_000_000),
)
NAMES: tuple[tuple[str, str], ...] = (
    ("microsoft", "microsoft"),
    ("microsoft-office365", "microsoft_365"),
    ("microsoft-win10-connection-endpoints", "windows"),
    ("google", "google"),
    ("dynamic-dns", "dynamic_dns"),
    ("lots-project", "trusted_site"),
    ("url-shortener", "url_shortener"),
    ("whats-my-ip", "ip_check"),
    ("findip-host", "ip_check"),
    ("public-ipfs-gateways", "ipfs_gateway"),
    ("captive-portals", "connectivity_check"),
    ("umbrella-blockpage-hostname", "block_page"),
)
ALONE = frozenset(("captive-portals", "findip-host"))  # whose names do not stand for those below them
NETWORKS: tuple[tuple[str, str], ...] = (
    ("microsoft-office365-ip", "microsoft_365"),
    ("microsoft-office365-cn", "microsoft_365"),
    ("apple", "apple"),
    ("googlebot", "google"),
    ("google-gmail-sending-ips", "google"),
    ("github", "github"),
    ("amazon-aws", "aws"),
    ("microsoft-azure", "azure"),
    ("microsoft-azure-china", "azure"),
    ("microsoft-azure-germany", "azure"),
    ("microsoft-azure-us-gov", "azure"),
    ("google-gcp", "google_cloud"),
    ("ovh-cluster", "ovh"),
    ("cloudflare", "cloudflare"),
    ("akamai", "akamai"),
    ("fastly", "fastly"),
    ("stackpath", "stackpath"),
    ("zscaler", "zscaler"),
    ("public-dns-v4", "open_resolver"),
    ("public-dns-v6", "open_resolver"),
    ("vpn-ipv4", "vpn_or_hosting"),
    ("vpn-ipv6", "vpn_or_hosting"),
    ("sinkholes", "sinkhole"),
    ("parking-domain", "parked"),
    ("umbrella-blockpage-v4", "block_page"),
    ("umbrella-blockpage-v6", "block_page"),
)
# Whose suffixes these are, by how a heading in the private section of the public suffix list begins.
SUFFIX_OWNERS: Mapping[str, str] = {
    "Amazon": "aws",
    "AWS": "aws",
    "Analytics on AWS": "aws",
    "Microsoft": "azure",
    "Google": "google_cloud",
    "Cloudflare": "cloudflare",
    "Akamai": "akamai",
    "Fastly": "fastly",
    "OVH": "ovh",
    "DuckDNS": "dynamic_dns",
    "DynDNS": "dynamic_dns",
    "Dynu": "dynamic_dns",
    "No-IP": "dynamic_dns",
    "dynv6": "dynamic_dns",
}
# Names of common knowledge that no list above has.
MORE_NAMES: Mapping[str, tuple[str, ...]] = {
    "aws": ("amazonaws.com", "amazonaws.com.cn", "cloudfront.net", "on.aws", "awsglobalaccelerator.com"),
    "azure": ("azure.com", "azure.net", "windows.net", "trafficmanager.net"),
    "microsoft": ("msftconnecttest.com", "msftncsi.com"),
    "google_cloud": ("googleusercontent.com", "run.app", "cloudfunctions.net"),
    "google": (
        *("gstatic.com", "googlevideo.com", "gvt1.com", "gvt2.com", "ggpht.com", "ytimg.com", "1e100.net"),
        *("googlesyndication.com", "googleadservices.com", "googletagmanager.com", "google-analytics.com"),
        *("www.googleapis.com", "fonts.googleapis.com", "update.googleapis.com", "safebrowsing.googleapis.com"),
        *("oauth2.googleapis.com", "fcm.googleapis.com", "play.googleapis.com"),
    ),
    "apple": (
        *("apple.com", "icloud.com", "icloud-content.com", "mzstatic.com", "cdn-apple.com", "apple-dns.net"),
        *("aaplimg.com", "itunes.com", "me.com", "apple-cloudkit.com", "apple-mapkit.com"),
    ),
    "github": (
        *("github.com", "githubassets.com", "githubapp.com", "githubcopilot.com"),
        *("raw.githubusercontent.com", "objects.githubusercontent.com", "avatars.githubusercontent.com"),
    ),
    "wikimedia": ("wikipedia.org", "wikimedia.org", "wikidata.org", "wiktionary.org"),
    "cloudflare": ("cloudflare.com", "cloudflareinsights.com"),
    "akamai": ("akamai.com", "akamaitechnologies.com", "edgesuite.net"),
    "fastly": ("fastly.com", "fastly.net"),
    "zscaler": ("zscaler.com", "zscaler.net", "zscalerone.net", "zscalertwo.net", "zscalerthree.net", "zscloud.net"),
    "resolver": (
        *("dns.google", "dns.google.com", "cloudflare-dns.com", "one.one.one.one", "dns.quad9.net", "doh.opendns.com"),
        *("doh.umbrella.com", "dns.adguard-dns.com", "dns.nextdns.io", "doh.cleanbrowsing.org", "freedns.controld.com"),
        *("dns.mullvad.net", "doh.dns.sb", "dns.alidns.com", "doh.pub"),
    ),
    "connectivity_check": ("nmcheck.gnome.org", "connectivity-check.ubuntu.com", "network-test.debian.org"),
    "certificate_check": (
        *("ocsp.sectigo.com", "crl.sectigo.com", "ocsp.usertrust.com", "ocsp.comodoca.com", "ocsp.pki.goog"),
        *("ocsp.apple.com", "ocsp2.apple.com", "crl.apple.com", "o.lencr.org", "c.lencr.org", "r3.o.lencr.org"),
        *("ocsp.entrust.net", "crl.entrust.net", "ocsp.godaddy.com", "crl.godaddy.com", "ocsp.amazontrust.com"),
    ),
}
# Networks that their owners publish, and that no list above has.
MORE_NETWORKS: Mapping[str, tuple[str, ...]] = {
    "google": (
        *("8.8.4.0/24", "8.8.8.0/24", "64.233.160.0/19", "66.102.0.0/20", "66.249.64.0/19", "72.14.192.0/18"),
        *("74.125.0.0/16", "108.177.0.0/17", "142.250.0.0/15", "172.217.0.0/16", "172.253.0.0/16", "173.194.0.0/16"),
        *("209.85.128.0/17", "216.58.192.0/19", "216.239.32.0/19"),
        *("2001:4860::/32", "2404:6800::/32", "2607:f8b0::/32", "2800:3f0::/32", "2a00:1450::/32", "2c0f:fb50::/32"),
    ),
    "wikimedia": (
        *("91.198.174.0/24", "103.102.166.0/24", "185.15.56.0/22", "195.200.68.0/24", "198.35.26.0/23"),
        *("208.80.152.0/22", "2620:0:860::/46", "2a02:ec80::/32"),
    ),
    "resolver": (
        *("8.8.8.8", "8.8.4.4", "2001:4860:4860::8888", "2001:4860:4860::8844"),
        *("1.1.1.1", "1.0.0.1", "1.1.1.2", "1.0.0.2", "1.1.1.3", "1.0.0.3"),
        *("2606:4700:4700::1111", "2606:4700:4700::1001", "2606:4700:4700::1112", "2606:4700:4700::1002"),
        *("9.9.9.9", "149.112.112.112", "9.9.9.10", "9.9.9.11", "2620:fe::fe", "2620:fe::9"),
        *("208.67.222.222", "208.67.220.220", "208.67.222.123", "208.67.220.123"),
        *("2620:119:35::35", "2620:119:53::53"),
        *("94.140.14.14", "94.140.15.15", "2a10:50c0::ad1:ff", "2a10:50c0::ad2:ff"),
        *("185.228.168.9", "185.228.169.9", "76.76.2.0", "76.76.10.0", "4.2.2.1", "4.2.2.2"),
        *("64.6.64.6", "64.6.65.6", "223.5.5.5", "223.6.6.6", "119.29.29.29", "114.114.114.114", "77.88.8.8"),
    ),
}
# Names on a list that say too much: of these alone, and of these with all below them, which others use too.
NOT_NAMES: Mapping[str, tuple[str, ...]] = {
    "microsoft_365": ("microsoft.com",),
    "connectivity_check": ("apple.com", "www.apple.com", "www.google.com", "www.gstatic.com"),
    "google": ("duck.com",),
}
NOT_BELOW: Mapping[str, tuple[str, ...]] = {
    "windows": (
        *("akamai.net", "akamaiedge.net", "edgecastcdn.net", "footprint.net", "hwcdn.net", "phicdn.net", "v0cdn.net"),
        *("v2cdn.net", "blob.core.windows.net", "facebook.com", "king.com", "twimg.com"),
    ),
    "google": ("googleusercontent.com",),
}
# Certificate authorities: on Microsoft's lists since its clients ask them, which is what their names are tagged for.
AUTHORITIES = (
    *("digicert.com", "globalsign.com", "globalsign.net", "identrust.com", "letsencrypt.org", "entrust.net"),
    *("geotrust.com", "omniroot.com", "public-trust.com", "symcb.com", "symcd.com", "verisign.com", "verisign.net"),
)
# GitHub publishes the networks of its runners among its own, and these are most of Azure.
GITHUB = (
    *("140.82.112.0/20", "143.55.64.0/20", "185.199.108.0/22", "192.30.252.0/22"),
    *("2a0a:a440::/29", "2606:50c0::/32"),
)
# No sinkholes, though listed among them: entrances that many sites share, and block pages, which have a tag.
SHARED_FRONTS = ("cloudflare", "akamai", "fastly", "umbrella-blockpage-v4")
FRONT_DOOR = "13.107.0.0/16"
# Never what a public list means.
LOCAL = (
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.168.0.0/16", "224.0.0.0/3", "::/16", "fc00::/7", "fe80::/10", "ff00::/8"),
)
