"""Reasons for the end of an answer: spellings, and unknown ones."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given, strategies as st

from axio.exceptions import ContentFiltered, ProviderError
from axio.types import StopReason
from axio.wire.endings import FAILED, FILTERED, REASONS, reason_of, stop_for
from axio.wire.errors import passes

CASES = [str.lower, str.upper, str.title]


@pytest.mark.parametrize("reason", REASONS)
def test_a_known_reason_counts_in_any_case_and_without_an_answer(reason: str) -> None:
    for case in CASES:
        stop = stop_for(case(reason), "P", answered=False, called=False)
        assert stop is REASONS[reason]


@pytest.mark.parametrize("reason", sorted(FILTERED))
def test_a_filter_is_an_error_that_names_it(reason: str) -> None:
    for case in CASES:
        error = stop_for(case(reason), "P", answered=True, called=False)
        assert isinstance(error, ContentFiltered)
        assert (error.code, error.retryable) == (case(reason), False)


@given(st.text(min_size=1).filter(lambda name: name.lower() not in {*REASONS, *FILTERED, *FAILED}))
def test_an_unknown_reason_ends_the_turn_if_there_is_an_answer(reason: str) -> None:
    if passes(reason):
        return
    assert stop_for(reason, "P", answered=True, called=False) is StopReason.end_turn
    assert stop_for(reason, "P", answered=True, called=True) is StopReason.tool_use
    assert isinstance(stop_for(reason, "P", answered=False, called=False), ProviderError)


def test_an_unknown_reason_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "axio.wire"):
        stop_for("tired", "P", answered=True, called=False)
    assert "tired" in caplog.text


@pytest.mark.parametrize(
    ("reason", "retryable"),
    [("network_error", True), ("Overloaded", True), ("error", False), ("FAILED", False)],
)
def test_a_reason_that_names_a_trouble_is_an_error(reason: str, retryable: bool) -> None:
    error = stop_for(reason, "P", answered=True, called=True)
    assert isinstance(error, ProviderError)
    assert error.retryable is retryable


@pytest.mark.parametrize("sent", [None, "", "null", " None ", 0, [], "NULL"])
def test_what_says_that_there_is_no_reason_yet_is_none(sent: object) -> None:
    assert reason_of(sent) is None
    assert reason_of(" stop ") == "stop"
