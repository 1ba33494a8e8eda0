"""As much of Elastic's ingest processors as packaging/siem/elastic uses, so that the pipeline can be seen at work."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

Doc = dict[str, Any]


def holds(condition: str, doc: Doc) -> bool:
    """What a condition of the kind that our pipeline uses says of a document."""
    assert re.fullmatch(r"[\w.?'!=&> ]+", condition), condition
    python = condition.replace("&&", " and ").replace("null", "None")
    python = re.sub(r"ctx[\w.?]*", lambda path: f"get({path[0].replace('?.', '.').removeprefix('ctx.')!r})", python)
    return bool(eval(python, {"get": lambda path: get(doc, path)}))


def get(doc: Doc, path: str) -> Any:
    for part in path.split("."):
        if not isinstance(doc, dict) or part not in doc:
            return None
        doc = doc[part]
    return doc


def put(doc: Doc, path: str, value: Any) -> None:
    *before, last = path.split(".")
    for part in before:
        doc = doc.setdefault(part, {})
    doc[last] = value


def take(doc: Doc, path: str) -> Any:
    before, _, last = path.rpartition(".")
    return (get(doc, before) if before else doc).pop(last)


def _set(doc: Doc, one: Doc) -> None:
    value = get(doc, one["copy_from"]) if "copy_from" in one else one["value"]
    if value not in (None, "") or not one.get("ignore_empty_value"):
        put(doc, one["field"], value)


def _json(doc: Doc, one: Doc) -> None:
    value = json.loads(get(doc, one["field"]))
    if one.get("add_to_root"):
        doc.update(value)
    else:
        put(doc, one["target_field"], value)


def _dot_expander(doc: Doc, one: Doc) -> None:
    assert one["field"] == "*"
    inside = get(doc, one["path"])
    for name in [name for name in inside if "." in name]:
        put(inside, name, inside.pop(name))


def _date(doc: Doc, one: Doc) -> None:
    assert one["formats"] == ["UNIX"]
    when = datetime.fromtimestamp(get(doc, one["field"]), UTC).isoformat(timespec="milliseconds")
    put(doc, one.get("target_field", "@timestamp"), when)


def _rename(doc: Doc, one: Doc) -> None:
    if one.get("ignore_missing") and get(doc, one["field"]) is None:
        return
    put(doc, one["target_field"], take(doc, one["field"]))


def _append(doc: Doc, one: Doc) -> None:
    values = [re.sub(r"\{\{\{([\w.]+)\}\}\}", lambda path: str(get(doc, path[1])), value) for value in one["value"]]
    there = list(get(doc, one["field"]) or [])
    fresh = [value for value in values if one.get("allow_duplicates", True) or value not in there]
    put(doc, one["field"], [*there, *fresh])


def _remove(doc: Doc, one: Doc) -> None:
    for path in one["field"] if isinstance(one["field"], list) else [one["field"]]:
        if get(doc, path) is not None or not one.get("ignore_missing"):
            take(doc, path)


PROCESSORS: dict[str, Callable[[Doc, Doc], None]] = {
    "set": _set,
    "json": _json,
    "dot_expander": _dot_expander,
    "date": _date,
    "rename": _rename,
    "append": _append,
    "remove": _remove,
}


def ingest(pipeline: Doc, doc: Doc) -> Doc:
    """What becomes of a document."""
    doc = copy.deepcopy(doc)
    for processor in pipeline["processors"]:
        ((kind, one),) = processor.items()
        if "if" not in one or holds(one["if"], doc):
            PROCESSORS[kind](doc, one)
    return doc
