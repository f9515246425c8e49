"""Payloads of answers, read the same way for every provider. Pure.

A strict parser is faster and comes first. What it refuses for the sake of a detail (half a
character, `Infinity` in a statistic, a number of a hundred digits) is read once more.
"""

from __future__ import annotations

import json
from binascii import a2b_base64
from collections.abc import Mapping
from typing import Any

from axio.surrogates import joined
from axio.types import JSONObject

try:
    from msgspec import DecodeError as _Refused
    from msgspec.json import decode as _strict
except ImportError:  # the core needs nothing, so it also works without
    _strict, _Refused = None, ValueError  # type: ignore[assignment, misc]

__all__ = ("bytes_of", "count", "load", "load_object", "place_of", "text_in", "text_of")

DIGITS = 1000
"""Of an integer that is read exactly. Python refuses to read much longer ones."""


def load(data: str) -> Any:
    """The value of JSON text that may hold halves of surrogate pairs, control characters in
    strings, and numbers that are none.

    `ValueError` for everything else, and for what is nested too deeply. Halves in values stay as
    they are: the other half may come with the next payload.
    """
    try:
        return _strict(data)
    except (_Refused, TypeError, RecursionError):  # the second: there is no strict one
        pass
    try:
        return _decoder.decode(data)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def load_object(data: str) -> JSONObject | None:
    """As `load`; None for what is no object."""
    try:
        value = load(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def count(value: object) -> int | None:
    """A number of tokens, as an integer, as a float or in digits; None for what is none."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e18:
        return None
    return int(value)


def place_of(index: Any) -> int | None:
    """An index that may be a float or in digits; None for what is none."""
    if isinstance(index, str) and index.isdecimal() and len(index) < 10:
        return int(index)
    if isinstance(index, bool) or not isinstance(index, int | float) or not 0 <= index < 1e9:
        return None
    return int(index)


def text_of(value: object) -> str:
    """A value that should be text; empty where it is something else."""
    return value if isinstance(value, str) else ""


def text_in(data: Mapping[str, Any], key: str) -> str:
    """The text at `key`; empty where there is something else or nothing."""
    return text_of(data.get(key))


def bytes_of(base64: Any) -> bytes | None:
    """The bytes that came as base64; None for what is none."""
    try:
        return a2b_base64(base64)
    except (ValueError, TypeError):
        return None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= DIGITS else float(digits)


def _object(members: list[tuple[str, Any]]) -> JSONObject:
    return {joined(key): value for key, value in members}


_decoder = json.JSONDecoder(strict=False, parse_int=_integer, object_pairs_hook=_object)
