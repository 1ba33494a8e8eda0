"""Alerts as chat and paging services take them. What comes from the network stands only where no mark-up is read."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Mapping
from typing import Any

from zeek_beacons.alerts.alert import STOPPED, Alert, present

PAGERDUTY = "pagerduty"
PAGERDUTY_SEVERITIES = {1: "info", 2: "warning", 3: "error", 4: "critical"}
PAGERDUTY_SUMMARY = 1024  # characters
SLACK_HEADER, SLACK_FIELD, SLACK_TEXT = 150, 2000, 3000  # characters


def slack(alert: Alert, _: str) -> str:
    """A message of Slack's incoming webhooks: blocks of plain text, in which `<`, `*` and `@` mean nothing."""
    fields = [_plain(f"{name}\n{value}", SLACK_FIELD) for name, value in _facts(alert)]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(alert.title, SLACK_HEADER)},
        {"type": "section", "text": _plain(alert.summary)},
        {"type": "section", "fields": fields},
        {"type": "context", "elements": [_plain(f"alert {alert.id}")]},
    ]
    return json.dumps({"text": alert.title, "blocks": blocks})  # that text is read as mark-up


def teams(alert: Alert, _: str) -> str:
    """An adaptive card for a Teams workflow; text runs, unlike text blocks, read no Markdown."""
    heading = {"type": "TextRun", "text": alert.title, "weight": "Bolder", "size": "Large"}
    body = [_run(heading), _run({"type": "TextRun", "text": alert.summary})]
    body += [
        _run({"type": "TextRun", "text": f"{name}: ", "weight": "Bolder"}, {"type": "TextRun", "text": value})
        for name, value in _facts(alert)
    ]
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return json.dumps({"type": "message", "attachments": [attachment]})


def pagerduty(alert: Alert, routing_key: str) -> str:
    """An event of PagerDuty's Events API, version 2: one of their incidents for each of ours."""
    event: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "resolve" if alert.event == STOPPED else "trigger",
        "dedup_key": f"zeek-beacons-{alert.incident}",
        "client": "zeek-beacons",
        "payload": {
            "summary": f"{alert.title}: {alert.summary}"[:PAGERDUTY_SUMMARY],
            "source": socket.gethostname(),
            "severity": PAGERDUTY_SEVERITIES[alert.level],
            "timestamp": alert.when.isoformat(),
            "component": alert.orig_h,
            "group": alert.server,
            "class": alert.kind,
            "custom_details": present(alert.as_dict()),
        },
    }
    return json.dumps(event)


TEMPLATES: Mapping[str, Callable[[Alert, str], str]] = {"slack": slack, "teams": teams, PAGERDUTY: pagerduty}


def _facts(alert: Alert) -> list[tuple[str, str]]:
    """What stands beside the sentence, as far as it is known; at most ten, as Slack takes them."""
    score = "" if alert.score is None else f"{alert.score:.2f}"
    told = (
        ("Host", alert.orig_h),
        ("Server", f"{alert.server} ({alert.addr}), {alert.resp_p}/{alert.proto}"),
        ("Score", score),
        ("Seen", f"{alert.facts.first_seen} to {alert.facts.last_seen}"),
        ("Reasons", "; ".join(alert.reasons)),
        ("Could be", alert.facts.could_be),
        ("ATT&CK", ", ".join(alert.facts.attack)),
        ("Incident", f"{alert.incident}, pairs: {alert.pairs}"),
    )
    return [(name, value) for name, value in told if value]


def _plain(text: str, most: int = SLACK_TEXT) -> dict[str, Any]:
    return {"type": "plain_text", "text": text[:most], "emoji": False}


def _run(*inlines: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": list(inlines)}
