"""When and after how long a request is tried again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from axio.wire.retry import MAX_DELAY, RetryPolicy, retry_after

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 520, 529, 599])
def test_a_busy_or_broken_server_is_asked_again(status: int) -> None:
    assert RetryPolicy.retries(status)


@pytest.mark.parametrize("status", [200, 301, 400, 401, 402, 403, 404, 408, 413, 422])
def test_a_refusal_is_taken_as_one(status: int) -> None:
    assert not RetryPolicy.retries(status)


def test_delays_double_up_to_a_minute() -> None:
    policy = RetryPolicy(base_delay=5)
    assert [policy.delay(n) for n in range(1, 7)] == [5, 10, 20, 40, 60, 60]
    assert policy.delay(10_000) == MAX_DELAY


def test_a_delay_that_the_server_names_is_kept_up_to_a_minute() -> None:
    policy = RetryPolicy(base_delay=5)
    assert policy.delay(3, 0.0) == 0
    assert policy.delay(1, 7.5) == 7.5
    assert policy.delay(1, 3600.0) == MAX_DELAY


def test_jitter_takes_off_at_most_its_share() -> None:
    policy = RetryPolicy(base_delay=10, jitter=0.5)
    delays = [policy.delay(1) for _ in range(200)]
    assert all(5 <= delay <= 10 for delay in delays)
    assert len(set(delays)) > 100
    assert policy.delay(1, 3.0) == 3


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("3", 3.0),
        ("0", 0.0),
        (" 1.5 ", 1.5),
        ("Sun, 22 Nov 2026 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 12:00:30 -0000", 30.0),
        ("Sunday, 22-Nov-26 12:00:30 GMT", 30.0),
        ("Sun, 22 Nov 2026 11:00:00 GMT", 0.0),
        ("-1", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
        ("Sun, 99 Nov 2026 12:00:30 GMT", None),
        ("Sun, 22 Nov 999999999999 12:00:30 GMT", None),
    ],
)
def test_a_wait_may_be_named_in_seconds_or_as_a_date(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, now=NOW) == seconds


def test_without_the_header_no_wait_is_named() -> None:
    assert retry_after({}) is None
