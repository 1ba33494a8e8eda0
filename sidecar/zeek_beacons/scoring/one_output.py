"""A forest of two classes as onnxruntime evaluates it fastest: as one that gives one number, the share for the second.

skl2onnx writes a forest of two classes with one weight a leaf, but onnxruntime gives two probabilities and a label for
each row, and takes longer for them. Here they are the same trees as a TreeEnsembleRegressor with one target.

In which order onnxruntime adds up the leaves of a row depends on its threads and on how many rows come together. So
that a pair's score does not, the weights are rounded to whole multiples of 2^-23: sums of such numbers up to 2 are
exact in 32 bits, in any order.

The file stays as it is: what is made here is made in memory, field by field of its protobuf encoding
(https://protobuf.dev/programming-guides/encoding/), with the numbers of onnx.proto3.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np

Value: TypeAlias = int | bytes  # of a field: a number, or what has a length

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5  # wire types
# Numbers of fields, by message.
_MODEL_GRAPH = 7
_GRAPH_NODE, _GRAPH_OUTPUT = 1, 12
_NODE_OUTPUT, _NODE_OP, _NODE_ATTRIBUTE = 2, 4, 5
_ATTRIBUTE_NAME, _ATTRIBUTE_I, _ATTRIBUTE_TYPE = 1, 3, 20
_INT = 2  # AttributeProto.INT
_VALUE_NAME = 1

_RENAMED = {f"class_{name}".encode(): f"target_{name}".encode() for name in ("ids", "nodeids", "treeids", "weights")}
_LABELS, _IDS, _TRANSFORM, _BASE = b"classlabels_int64s", b"class_ids", b"post_transform", b"base_values"
_WEIGHTS = b"class_weights"
# Attributes as they are written, but for their names.
_ZERO = b"\x40\x00"  # one of several integers: 0
_INTS, _STRING, _FLOATS = b"\xa0\x01\x07", b"\xa0\x01\x03", b"\xa0\x01\x06"  # the type at the end
_ONE_FLOAT = np.dtype([("tag", "u1"), ("value", "<f4")])  # one of several: the tag of field 7, then 32 bits
_FLOAT_TAG = 7 << 3 | _FIXED32
_STEP = 2.0**-23
_TWO_LABELS, _NONE = b"\x40\x00\x40\x01" + _INTS, b"\x22\x04NONE" + _STRING


class _Field(NamedTuple):
    number: int
    wire: int
    value: Value


def one_output(model: bytes) -> bytes | None:
    """The model with one output, (n, 1); None where it is no forest of two classes with one weight a leaf."""
    try:
        return _rewritten(model)
    except (ValueError, IndexError, KeyError):  # no protobuf, or not of this kind
        return None


def _rewritten(model: bytes) -> bytes | None:
    fields = list(_fields(model))
    graph = list(_fields(_only(fields, _MODEL_GRAPH)))
    node = list(_fields(_only(graph, _GRAPH_NODE)))
    if _only(node, _NODE_OP) != b"TreeEnsembleClassifier":
        return None
    attributes = dict(map(_named, _all(node, _NODE_ATTRIBUTE)))
    as_expected = attributes[_LABELS] == _TWO_LABELS and attributes[_TRANSFORM] == _NONE and _BASE not in attributes
    if not as_expected or attributes[_IDS].replace(_ZERO, b"") != _INTS:
        return None
    attributes[_WEIGHTS] = _in_steps(attributes[_WEIGHTS])
    output = _all(graph, _GRAPH_OUTPUT)[-1]  # the probabilities; the labels come first
    name = _only(list(_fields(output)), _VALUE_NAME)
    made = [field for field in node if field.number not in (_NODE_OUTPUT, _NODE_OP, _NODE_ATTRIBUTE)]
    made += [_Field(_NODE_OUTPUT, _LENGTH, name), _Field(_NODE_OP, _LENGTH, b"TreeEnsembleRegressor")]
    for called, content in attributes.items():
        if called != _LABELS:
            named = _encoded([_Field(_ATTRIBUTE_NAME, _LENGTH, _RENAMED.get(called, called))])
            made.append(_Field(_NODE_ATTRIBUTE, _LENGTH, named + content))
    targets = (_Field(_ATTRIBUTE_NAME, _LENGTH, b"n_targets"), _Field(_ATTRIBUTE_I, _VARINT, 1))
    made.append(_Field(_NODE_ATTRIBUTE, _LENGTH, _encoded([*targets, _Field(_ATTRIBUTE_TYPE, _VARINT, _INT)])))
    rest = [field for field in graph if field.number not in (_GRAPH_NODE, _GRAPH_OUTPUT)]
    # An output without a type: onnxruntime knows it from the operator.
    told = _encoded([_Field(_VALUE_NAME, _LENGTH, name)])
    rest += [_Field(_GRAPH_NODE, _LENGTH, _encoded(made)), _Field(_GRAPH_OUTPUT, _LENGTH, told)]
    others = [field for field in fields if field.number != _MODEL_GRAPH]
    return _encoded([*others, _Field(_MODEL_GRAPH, _LENGTH, _encoded(rest))])


def _in_steps(weights: bytes) -> bytes:
    """A list of 32 bit floats, each rounded to a whole multiple of the step. Raises ValueError for another content."""
    floats = np.frombuffer(weights.removesuffix(_FLOATS), dtype=_ONE_FLOAT).copy()
    if not weights.endswith(_FLOATS) or (floats["tag"] != _FLOAT_TAG).any():
        raise ValueError("weights that are no list of floats")
    floats["value"] = np.rint(floats["value"] / _STEP) * _STEP
    return floats.tobytes() + _FLOATS


def _named(attribute: bytes) -> tuple[bytes, bytes]:
    """The name of an attribute, which is written first, and what follows it. Raises ValueError for another first."""
    tag, at = _varint(attribute, 0)
    length, begin = _varint(attribute, at)
    if tag != _ATTRIBUTE_NAME << 3 | _LENGTH:
        raise ValueError("an attribute that does not begin with its name")
    return attribute[begin : begin + length], attribute[begin + length :]


def _all(fields: list[_Field], number: int) -> list[bytes]:
    return [field.value for field in fields if field.number == number and isinstance(field.value, bytes)]


def _only(fields: list[_Field], number: int) -> bytes:
    """The one value of such a field. Raises ValueError where there are none or several."""
    (value,) = _all(fields, number)
    return value


def _fields(data: bytes) -> Iterator[_Field]:
    """The fields of a message. Raises ValueError or IndexError where it is none."""
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield _Field(number, wire, value)
            continue
        if wire == _LENGTH:
            length, at = _varint(data, at)
        elif wire in (_FIXED32, _FIXED64):
            length = 4 if wire == _FIXED32 else 8
        else:
            raise ValueError(f"wire type {wire}")
        if at + length > len(data):
            raise ValueError("a field that is cut off")
        yield _Field(number, wire, data[at : at + length])
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number, and where what follows it begins. Raises IndexError at the end."""
    number, shift = 0, 0
    while True:
        octet = data[at]
        number |= (octet & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if octet < 0x80:
            return number, at


def _encoded(fields: list[_Field]) -> bytes:
    parts = []
    for field in fields:
        parts.append(_as_varint(field.number << 3 | field.wire))
        if isinstance(field.value, int):
            parts.append(_as_varint(field.value))
        else:
            parts += [_as_varint(len(field.value)), field.value] if field.wire == _LENGTH else [field.value]
    return b"".join(parts)


def _as_varint(number: int) -> bytes:
    octets = bytearray()
    while number > 0x7F:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets.append(number)
    return bytes(octets)
