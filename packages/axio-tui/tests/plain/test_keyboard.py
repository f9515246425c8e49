"""A terminal as a person types on it, with the program in the same process."""

from __future__ import annotations

import asyncio
import os
import pty
import select
import sys
import termios
from collections.abc import Iterator

import pytest

from axio_tui.plain import keyboard as module
from axio_tui.plain.keyboard import Keyboard


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The other end of a terminal that is standard input."""
    master, slave = pty.openpty()
    with open(slave, encoding="utf-8", closefd=False) as stdin:
        monkeypatch.setattr("sys.stdin", stdin)
        yield master
    os.close(master)
    os.close(slave)


def type_(person: int, keys: bytes) -> None:
    """Return once the program could read the keys: a terminal hands them over in its own time."""
    os.write(person, keys)
    assert select.select([sys.stdin], [], [], 50)[0]


def echoes(terminal: int) -> bool:
    return bool(termios.tcgetattr(terminal)[3] & termios.ECHO)


async def test_someone_who_goes_on_typing_has_not_answered(
    person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEEN", 3.0)
    keyboard = Keyboard()
    os.write(person, b"fir")  # begun before the question

    async def go_on() -> None:
        await asyncio.sleep(0)
        for key in (b"st\r", b"yes", b" plea", b"se"):
            os.write(person, key)
            await asyncio.sleep(0.01)
        assert not echoes(person), "the question is not torn"

    typing = asyncio.create_task(go_on())
    async with keyboard.quiet() as typed:
        assert typing.done() and typed.lines == ["first"] and typed.rest == "yes please"
        assert echoes(person)
        os.write(person, b"n\n")
        assert await keyboard.answer() == "n\n"
    assert keyboard.draft == "yes please", "it stands at the next prompt"


async def test_it_waits_for_a_pause(person: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEEN", 0.01)
    monkeypatch.setattr(module, "PAUSE", 2.0)
    keyboard = Keyboard()
    with keyboard._key_by_key():
        type_(person, b"y")
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with keyboard.quiet() as typed:
        assert typed.rest == "y" and loop.time() - began >= 2.0


async def test_a_key_is_no_answer_if_the_machine_stood_still_when_it_came(
    person: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SEEN", 0.0)
    monkeypatch.setattr(module, "PAUSE", 0.0)
    keyboard = Keyboard()
    with keyboard._key_by_key():
        type_(person, b"y")
    async with keyboard.quiet() as typed:
        assert typed.rest == "y"


async def test_a_question_that_is_given_up_leaves_the_terminal_as_it_was(person: int) -> None:
    keyboard = Keyboard()

    async def ask() -> None:
        async with keyboard.quiet():
            await keyboard.answer()

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.05)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert echoes(person)


async def test_what_is_entered_meanwhile_is_handed_over(person: int) -> None:
    entered: list[str | None] = []
    there = asyncio.Event()

    def take(text: str | None) -> None:
        entered.append(text)
        there.set()

    keyboard = Keyboard(take)
    with keyboard.listening():
        for data, expected in ((b"one\n", "one"), (b"a\nb\n", "a\nb"), (b"\x04", None)):
            there.clear()
            os.write(person, data)
            async with asyncio.timeout(60):
                await there.wait()
            assert entered[-1] == expected
    os.write(person, b"later\n")
    assert keyboard.typed_ahead() == ["later"]
