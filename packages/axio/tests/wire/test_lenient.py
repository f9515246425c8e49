"""JSON that a strict parser refuses is read as far as it can be."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from axio.wire.lenient import count, load, place_of


@pytest.mark.parametrize(
    ("data", "value"),
    [
        ('{"a": "\\ud83d"}', {"a": "\ud83d"}),
        ('{"\\ud83d": 1}', {"\ufffd": 1}),
        ('[-Infinity, Infinity, "x"]', [-inf, inf, "x"]),
        ('{"a": 1e999}', {"a": inf}),
        ('"one\ntwo\x00"', "one\ntwo\x00"),
        ("1" * 5000, inf),
        ("1" * 100, int("1" * 100)),
    ],
)
def test_details_do_no_harm(data: str, value: Any) -> None:
    assert load(data) == value


@pytest.mark.parametrize("data", ["", "{", "[1,]", "{} {}", "text", "[" * 100_000])
def test_what_is_no_json_is_a_value_error(data: str) -> None:
    with pytest.raises(ValueError):
        load(data)


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        (5, 5),
        (5.0, 5),
        ("5", 5),
        ("5.0", 5),
        (0, 0),
        (-1, None),
        (True, None),
        ("five", None),
        ("", None),
        ("nan", None),
        (inf, None),
        (1e18, None),
        (None, None),
        ([5], None),
    ],
)
def test_a_count_is_a_count_in_any_form(value: Any, tokens: int | None) -> None:
    assert count(value) == tokens


@pytest.mark.parametrize(
    ("index", "place"),
    [
        *((0, 0), (7, 7), (7.0, 7), ("7", 7), ("0", 0)),
        *((True, None), (-1, None), ("-1", None), ("", None), ("9" * 12, None), (None, None)),
        *((float("nan"), None), (float("inf"), None), ([], None)),
    ],
)
def test_a_place_is_an_index_in_any_form(index: object, place: int | None) -> None:
    assert place_of(index) == place
