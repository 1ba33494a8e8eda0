"""The API fuzzed from its own description: whatever is asked, it is an answer and no fault of ours."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

schemathesis = pytest.importorskip("schemathesis", reason="the extra `dev` is not installed")

from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.generation import GenerationMode  # noqa: E402

from .made import Running, console, history  # noqa: E402

ENDLESS = "/api/v1/events"


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A console that takes more telemetry than a fuzzer sends."""
    folder: Path = tmp_path_factory.mktemp("fuzzed")
    history(folder)
    with console(folder, telemetry_connections=10_000_000, job_seconds=5.0, inbox=str(folder / "inbox")) as running:
        yield running


@pytest.fixture(scope="module")
def api(fuzzed: Running) -> Any:
    """The description, with where it is served."""
    url = f"{fuzzed.client.base_url}/api/v1/openapi.json"
    return schemathesis.openapi.from_url(url).exclude(path=ENDLESS)


def test_whatever_is_asked_is_answered(api: Any, fuzzed: Running) -> None:
    """Each operation in turn, with what its description allows and with what it does not."""
    tried = 0
    for found in api.get_all_operations():
        operation = found.ok()
        for mode in GenerationMode:

            @settings(max_examples=25, suppress_health_check=list(HealthCheck), database=None, derandomize=True)
            @given(case=operation.as_strategy(generation_mode=mode))
            def ask(case: Any) -> None:
                nonlocal tried
                tried += 1
                answer = case.call(headers=fuzzed.writes)
                case.validate_response(answer, checks=[not_a_server_error])
                if answer.status_code >= 400:
                    assert answer.headers["content-type"][0] == "application/problem+json"
                    assert json.loads(answer.content)["status"] == answer.status_code

            with contextlib.suppress(Unsatisfiable):  # an operation without parameters cannot be asked wrongly
                ask()
    assert tried > 500


def test_the_description_is_whole(fuzzed: Running) -> None:
    described = fuzzed.get("openapi.json").json()
    for path, methods in described["paths"].items():
        for method, one in methods.items():
            assert one["description"].endswith("."), f"{method} {path} says nothing of itself"
    assert described["components"]["securitySchemes"]
