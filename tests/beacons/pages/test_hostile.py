"""Whatever a name is made of, it stands on a page as text that can be seen, and changes nothing else there."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeek_beacons.pages import beacon, diagnostics, incidents, lists, simple
from zeek_beacons.pages.pivots import pivots
from zeek_beacons.pages.query import selection
from zeek_beacons.pages.visible import visible
from zeek_beacons.readmodel import IncidentDetail, Listing, Page

from . import made
from .markup import Read

TURNING = [
    chr(code) for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x200E, 0x200F, 0x061C, 0x200B, 0xFEFF)
]
names = st.one_of(
    st.text(max_size=80),
    st.sampled_from(made.HOSTILE),
    st.text(
        st.sampled_from(["<", ">", '"', "'", "&", "/", "{", "}", "%", "\x00", "\u202e", "a", ":", "\n"]), max_size=40
    ),
)


def everywhere(name: str) -> dict[str, str]:
    """Each page with this name in every place that a name can stand."""
    row = made.pair_row(1, resp=name, name=name, service=name, addr=name, orig_h=name, sensor=name, model=name,
                        incident=name, allowed_by=name, suppressed="")  # fmt: skip
    incident = replace(made.incident(row), summary=name, id=name, joined=(name,))
    one = made.beacon(row, 20, summary=name, uids=(name,), members=(row,), incident=incident)
    one = replace(
        one,
        facts=replace(
            made.pair_facts(row),
            could_be=name,
            certificate=name,
            web_client=name,
            endpoint=name,
            name=name,
            filter=name,
            command=name,
        ),
        reasons=tuple(replace(reason, text=name or "x") for reason in made.REASONS),
    )
    ctx = made.context("/", query={"q": name, "host": name, "act": name}, source=name, who=name, message=name)
    decision = replace(made.DECISIONS[0], about=name, who=name, why=name)
    seen = {row.id: replace(decision, what="acknowledge")}
    hosts = (made.host(0, host=name, strongest=row),)
    job = replace(made.JOBS[0], name=name, text=name)
    about = made.about(path=name, model=name, summary=summary(name))
    run = replace(ctx, base="/jobs/1", is_run=True, live=False)
    return {
        "beacons": lists.beacons_page(Listing((row,), 1), about, selection({"q": "x"}, made.NOW), ctx, seen),
        "incidents": incidents.incidents_page(Listing((incident,), 1), about, selection({"q": "x"}, made.NOW), ctx),
        "incident": incidents.incident_page(IncidentDetail(incident, (row,)), True, ctx, seen),
        "beacon": beacon.beacon_page(one, ctx, (decision,), pivots(one)),
        "hosts": lists.hosts_page(Listing(hosts, 1), Page(), ctx),
        "decisions": lists.decisions_page((decision,), ctx),
        "diagnostics": diagnostics.diagnostics_page(about, ctx, made.STATUS, [name]),
        "run": simple.run_page((job,), 1, ctx),
        "job": simple.job_page(job, ctx),
        "explanation": beacon.explanation_page(one, [row], about, run),
        "files": simple.files_page(
            (replace(made.FILES[1], name=name, what=name, preview=(name,)),), name, summary(name), run
        ),
        "login": simple.login_page(ctx, name, name),
        "error": simple.error_page(name, name, ctx),
    }


def summary(name: str) -> dict[str, object]:
    skipped = {name: {"rows": 1, "examples": [name]}}
    ingest = {"used": 1, "rows": 1, "files": {name: name}, "left_out": {name: 1}, "skipped": skipped, "notes": [name]}
    return {"ingest": ingest, "warnings": [name], "model": name, "validation": {name: name}}


PLAIN = {page: Read.of(html) for page, html in everywhere("plain.example").items()}


def check(name: str) -> None:
    for page, html in everywhere(name).items():
        read = Read.of(html)
        assert Counter(tag for tag, _ in read.elements) == Counter(tag for tag, _ in PLAIN[page].elements), page
        assert [set(attributes) for _, attributes in read.elements] == [set(known) for _, known in PLAIN[page].elements]
        for _, attributes in read.elements:
            for name_of, value in attributes.items():
                assert not name_of.startswith("on")
                assert name_of != "style"
                if name_of in ("href", "src", "action"):
                    assert value.startswith(("/", "#", "https://")), value
        assert not [c for c in html if c in TURNING or (not c.isprintable() and c != "\n")], page


@pytest.mark.parametrize("name", made.HOSTILE, ids=ascii)
def test_a_hostile_name_is_text(name: str) -> None:
    check(name)


@settings(max_examples=30)
@given(names)
def test_any_name_is_text(name: str) -> None:
    check(name or "x")


def test_what_cannot_be_seen_is_spelled_out() -> None:
    assert visible("a\u202eb\x00\u00a0\U000e0041") == "a\\u202eb\\x00\\xa0\\U000e0041"
    assert "\\u202egro.live" in lists.beacons_page(
        Listing((made.pair_row(1, resp="\u202egro.live"),), 1), made.about(), selection({}, made.NOW), made.context()
    )


def test_no_value_of_a_page_may_be_missing() -> None:
    from jinja2 import UndefinedError

    from zeek_beacons.pages.environment import render

    with pytest.raises(UndefinedError):
        render("error.html", ctx=made.context())
