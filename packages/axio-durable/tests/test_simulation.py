"""Random schedules of workers that die and hang, on a store that may be away, with pokes that come
late, twice or not at all, on a clock that jumps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from axio.blocks import ToolUseBlock
from axio.journal import Outcome
from axio.messages import as_message
from support.durable_world import Session, Store
from support.schedules import run


def test_some_random_schedules() -> None:
    happened = run(range(400))
    assert all(happened[name] > 50 for name in ("death", "hang", "away", "cancel")), happened


async def _not_begun(store: Store, call: ToolUseBlock) -> Outcome:
    return Outcome.NOT_BEGUN


async def _take_in_two_steps(store: Store, until: int | None = None) -> int:
    waiting: list[Any] = []

    def take(session: Session) -> None:
        waiting.extend(message for _, message in session.inbox[session.taken : until])
        session.extend(waiting)

    def note(session: Session) -> None:
        session.taken += len(waiting)

    await store._write(take)
    await store._write(note)
    return len(waiting)


async def _post_again(store: Store, prompt: str, id: str) -> bool:
    def change(session: Session) -> bool:
        session.inbox.append((id, as_message(prompt)))
        session.stirred += 1
        return True

    return await store._read(change)


async def _rest_over_news(store: Store, stirred: int, reason: str, words: str = "") -> bool:
    def change(session: Session) -> bool:
        session.rested, session.cancelled = session.stirred, None
        session.reason, session.words = reason, words
        return True

    return await store._write(change)


async def _write_as_anybody(store: Store, change: Callable[[Session], Any]) -> Any:
    return await store._read(change)


async def _forget_the_cancel(store: Store) -> None:
    await store._read(lambda session: setattr(session, "cancelled", 0))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("outcome", _not_begun),
        ("take", _take_in_two_steps),
        ("post", _post_again),
        ("rest", _rest_over_news),
        ("_write", _write_as_anybody),
        ("cancel", _forget_the_cancel),
    ],
)
def test_a_store_that_breaks_its_word_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, wrong: Any
) -> None:
    monkeypatch.setattr(Store, name, wrong)
    with pytest.raises((AssertionError, TimeoutError)):
        run(range(2_000))


@pytest.mark.heavy
@pytest.mark.timeout(36_000)
def test_many_random_schedules() -> None:
    """`python -m support.schedules` tries more of them, in several processes."""
    assert run(range(1_000, 101_000))["death"] > 100_000
