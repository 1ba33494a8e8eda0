"""`webhook:URL`: a POST an alert, confirmed by a status of 2xx.

Options: `template` (json, slack, teams, pagerduty), `format` of the first (json, ecs, ocsf, cef), `secret_file`: signs
what is sent as https://www.standardwebhooks.com has it; for PagerDuty it holds the routing key. `ca`: a PEM file.
`proxy`: an HTTP proxy's URL.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ssl
import time
from collections.abc import Callable, Mapping
from urllib.parse import urldefrag

from zeek_beacons import __version__
from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.formats import FORMATS
from zeek_beacons.alerts.redirect import MOST_REDIRECTS, Target, next_target
from zeek_beacons.alerts.sink import TIMEOUT, DeliveryError, SinkSpec
from zeek_beacons.alerts.webhook_templates import PAGERDUTY, TEMPLATES
from zeek_beacons.errors import ConfigError

try:
    import httpx
except ModuleNotFoundError as missing:
    raise ConfigError("webhook: needs httpx: pip install 'zeek-beacons[alerts]'") from missing

JSON = "json"
LONGEST_WAIT = 3600.0  # seconds that a receiver may ask to be left alone


class WebhookSink:
    """An HTTP server that takes alerts."""

    def __init__(self, spec: SinkSpec) -> None:
        url = spec.url(spec.target, ("https", "http"), 443)
        template = spec.option("template", JSON, (JSON, *TEMPLATES))
        form = FORMATS[spec.option("format", JSON, tuple(FORMATS) if template == JSON else (JSON,))]
        secret = spec.secret()
        ca, proxy = spec.option("ca", ""), spec.option("proxy", "")
        spec.done()
        if proxy:
            spec.url(proxy, ("http", "https"))
        if template == PAGERDUTY and not secret:
            raise spec.wrong("template=pagerduty needs secret_file, which holds the routing key")
        self._key = b"" if template == PAGERDUTY else _key(spec, secret)
        self._media_type = form.media_type
        self._body: Callable[[Alert], str] = form.text
        if template != JSON:
            make, routing_key = TEMPLATES[template], secret.decode("ascii", "replace")
            self._body = lambda alert: make(alert, routing_key)
        try:
            tls = ssl.create_default_context(cafile=ca or None)
        except OSError as error:
            raise spec.wrong(f"ca {ca}: no certificate authority ({error.strerror or error})") from error
        # Proxies and credentials of the environment are left alone: what is written here is where alerts go.
        self._client = httpx.Client(
            timeout=TIMEOUT, verify=tls, proxy=proxy or None, follow_redirects=False, trust_env=False
        )
        self._url = urldefrag(spec.target).url
        self.name = spec.name(f"{url.scheme}://{url.hostname}")  # its path may be a secret, as Slack's

    def deliver(self, alert: Alert) -> bool:
        """Sends one request, and follows what redirects may be followed."""
        body = self._body(alert).encode()
        headers = {"content-type": self._media_type, "user-agent": f"zeek-beacons/{__version__}"}
        headers |= signature(self._key, alert.id, round(time.time()), body)
        target = Target(self._url)
        for _ in range(MOST_REDIRECTS + 1):
            status, answered = self._post(target, body, headers)
            if 200 <= status < 300:
                return True
            if not 300 <= status < 400:
                raise DeliveryError(f"status {status}", _retry_after(answered))
            target = next_target(target, status, answered.get("location", ""))
        raise DeliveryError(f"more than {MOST_REDIRECTS} redirects")

    def _post(self, target: Target, body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str]]:
        """Status and headers of the answer; its body is not read."""
        sent = {**headers, **target.headers}
        try:
            with self._client.stream(
                "POST", target.connect_to, content=body, headers=sent, extensions=target.extensions
            ) as answer:
                return answer.status_code, answer.headers
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise DeliveryError(str(error) or type(error).__name__) from error


def signature(key: bytes, identity: str, now: int, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks: which message, when sent, and with a key its HMAC-SHA256."""
    headers = {"webhook-id": identity, "webhook-timestamp": str(now)}
    if key:
        digest = hmac.new(key, f"{identity}.{now}.".encode() + body, hashlib.sha256).digest()
        headers["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return headers


def _key(spec: SinkSpec, secret: bytes) -> bytes:
    """The key that a secret stands for: behind `whsec_` in base64, else as it is. Raises ConfigError."""
    if not secret.startswith(b"whsec_"):
        return secret
    try:
        return base64.b64decode(secret.removeprefix(b"whsec_"), validate=True)
    except binascii.Error as error:
        raise spec.wrong("secret_file: behind whsec_ stands no base64") from error


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the receiver asks for; a date is not read."""
    text = headers.get("retry-after", "")
    return min(float(text), LONGEST_WAIT) if text.isascii() and text.isdigit() else 0.0
