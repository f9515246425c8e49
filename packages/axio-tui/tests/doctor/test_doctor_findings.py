"""Checks that fail, hang or end the program, and how their findings are told."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st

from axio_tui.doctor.findings import Check, Finding, examine, is_well
from axio_tui.doctor.report import to_json, to_text, without


def fine() -> Iterator[Finding]:
    yield Finding("ok", "fine", "works")


def raising() -> Iterator[Finding]:
    yield Finding("ok", "half", "seen before it failed")
    raise RuntimeError("fell\nover")


def leaving() -> Iterator[Finding]:
    raise SystemExit(3)


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def mute() -> Iterator[Finding]:
    raise Mute


def test_a_check_that_fails_is_told_and_the_others_are_done() -> None:
    checks = [Check(one.__name__, one, 30) for one in (raising, leaving, mute, fine)]
    findings = examine(checks)
    assert [one.name for one in findings] == ["raising", "leaving", "mute", "fine"]
    assert [one.state for one in findings] == ["warning", "warning", "warning", "ok"]
    assert findings[0].found == "the check failed: RuntimeError: fell over"


def test_a_check_that_hangs_ends_at_its_own_limit_and_the_order_stays() -> None:
    free = threading.Event()

    def hanging() -> Iterator[Finding]:
        free.wait(60)
        yield from ()

    begin = time.monotonic()
    try:
        checks = [Check("a", hanging, 0.2), Check("b", fine, 30), Check("c", hanging, 0.3)]
        findings = examine(checks)
    finally:
        free.set()
    assert time.monotonic() - begin < 20, "as long as the longest limit, and not 60 s"
    assert [one.name for one in findings] == ["a", "fine", "c"]
    assert findings[0].found == "no answer within 0.2 s" and is_well(findings)


def test_only_what_is_broken_is_not_well() -> None:
    assert is_well([]) and is_well([Finding("warning", "a", "b")])
    assert not is_well([Finding("ok", "a", "b"), Finding("broken", "c", "d")])


def test_a_line_has_state_name_finding_and_advice() -> None:
    findings = [Finding("broken", "disk", "it is full", "make room"), Finding("ok", "a", "b")]
    assert to_text(findings).splitlines() == [
        "broken   disk  it is full; to do: make room",
        "ok       a     b",
    ]
    narrow = to_text(findings, 24).splitlines()
    assert narrow[:3] == ["broken   disk  it is", "         full; to do:", "         make room"]
    told = json.loads(to_json(findings))
    assert told["ok"] is False
    assert told["findings"][0] == {
        "state": "broken",
        "name": "disk",
        "found": "it is full",
        "advice": "make room",
    }


HOSTILE = st.text(
    st.sampled_from("a \x1b\x07\n\r\x00\x9b\u202e\u2066\u200b\ud800[]\\"), max_size=40
)


@given(HOSTILE, HOSTILE, HOSTILE)
def test_a_finding_is_one_line_of_what_can_be_seen(name: str, found: str, advice: str) -> None:
    [told] = without((), [Finding("ok", name, found, advice)])
    for text in (to_text([told]), to_json([told])):
        assert text.isprintable() and "\n" not in text
    json.loads(to_json([told]))


@given(st.text(min_size=6, max_size=30), st.text(max_size=20), st.text(max_size=20))
def test_no_part_of_a_finding_has_a_secret(secret: str, before: str, after: str) -> None:
    text = f"{before}{secret}{after}"
    [told] = without([secret], [Finding("ok", text, text, text)])
    if secret.strip("*"):
        assert not any(secret in part for part in (told.name, told.found, told.advice))


def test_a_finding_that_is_very_long_is_cut() -> None:
    [told] = without((), [Finding("ok", "a", "b" * 100_000)])
    assert len(told.found) < 1000 and told.found.endswith("...")


@pytest.mark.parametrize("state", ["ok", "warning", "broken"])
def test_the_state_is_a_word_in_front(state: str) -> None:
    assert to_text([Finding(state, "a", "b")]).startswith(state)  # type: ignore[arg-type]
