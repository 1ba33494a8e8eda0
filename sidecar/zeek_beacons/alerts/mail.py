"""`email:ADDRESS#server=smtp://HOST:PORT&from=ADDRESS`: one message an alert, by SMTP.

Options: `server` (smtp://, smtp+starttls:// or smtps://), `from`, `user` with `secret_file` (its password), `ca`.
"""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime

from zeek_beacons.alerts.alert import Alert
from zeek_beacons.alerts.sink import TIMEOUT, DeliveryError, SinkSpec
from zeek_beacons.reports import attack

PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
LONGEST_SUBJECT = 200


class MailSink:
    """A mailbox behind a mail server, which confirms that it took the message."""

    def __init__(self, spec: SinkSpec) -> None:
        self._to, self._from = _address(spec, spec.target), _address(spec, spec.option("from", ""))
        url = spec.url(spec.option("server", "smtp://localhost"), tuple(PORTS), 25)
        self._scheme, self._host = url.scheme, str(url.hostname)
        self._port = url.port or PORTS[url.scheme]
        self._user, password = spec.option("user", ""), spec.secret()
        self._password = password.decode("utf-8", "surrogateescape")
        ca = spec.option("ca", "")
        spec.done()
        if bool(self._user) != bool(self._password):
            raise spec.wrong("user and secret_file go together")
        if self._user and self._scheme == "smtp":
            raise spec.wrong("a password is not sent in the clear: use smtps:// or smtp+starttls://")
        try:
            self._tls = ssl.create_default_context(cafile=ca or None)
        except OSError as error:
            raise spec.wrong(f"ca {ca}: no certificate authority ({error.strerror or error})") from error
        self.name = spec.name(spec.target)

    def deliver(self, alert: Alert) -> bool:
        """Sends one message."""
        try:
            server = self._connected()
            try:
                if self._scheme == "smtp+starttls":
                    server.starttls(context=self._tls)
                if self._user:
                    server.login(self._user, self._password)
                server.send_message(message(alert, self._from, self._to))
            finally:
                with contextlib.suppress(OSError, smtplib.SMTPException):  # a message that was taken is taken
                    server.quit()
        except (OSError, smtplib.SMTPException, MessageError) as error:
            raise DeliveryError(" ".join(str(error).split()) or type(error).__name__) from error
        return True

    def _connected(self) -> smtplib.SMTP:
        if self._scheme == "smtps":
            return smtplib.SMTP_SSL(self._host, self._port, timeout=TIMEOUT, context=self._tls)
        return smtplib.SMTP(self._host, self._port, timeout=TIMEOUT)


def message(alert: Alert, sender: str, to: str) -> EmailMessage:
    """The alert as a message of plain text; sent twice it has the same Message-ID."""
    made = EmailMessage()
    made["From"], made["To"] = sender, to
    made["Subject"] = f"{alert.title}: {alert.orig_h} to {alert.server}"[:LONGEST_SUBJECT]
    made["Date"] = format_datetime(alert.when)
    made["Message-ID"] = f"<{alert.id}@zeek-beacons.invalid>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content("\n".join(lines(alert)) + "\n")
    return made


def lines(alert: Alert) -> list[str]:
    """What a person reads of an alert, line by line."""
    facts = alert.facts
    techniques = [f"{number} {attack.TECHNIQUES.get(number, '')} {attack.url(number)}" for number in facts.attack]
    return [
        alert.summary,
        "",
        *(f"- {reason}" for reason in alert.reasons),
        "",
        f"incident    {alert.incident}, {alert.pairs} pair{'' if alert.pairs == 1 else 's'}",
        f"seen        {facts.first_seen} to {facts.last_seen}, {facts.connections} connections",
        *([f"could be    {facts.could_be}"] if facts.could_be else []),
        *(f"ATT&CK      {technique}" for technique in techniques),
        f"filter      {facts.filter}",
        *([f"uids        {' '.join(facts.uids)}"] if facts.uids else []),
        f"alert       {alert.id}, model {alert.model}",
    ]


def _address(spec: SinkSpec, text: str) -> str:
    """A mail address. Raises ConfigError."""
    expected = "expected email:WHO@HOST#from=WHO@HOST"
    try:
        parsed = Address(addr_spec=text)
    except (ValueError, IndexError, MessageError) as error:
        raise spec.wrong(f"{text!r} is no mail address; {expected}") from error
    if not parsed.username or not parsed.domain or not text.isprintable():
        raise spec.wrong(f"{text!r} is no mail address; {expected}")
    return text
