"""Rules, path checks, the audit log and redaction take time that grows as the size.

Times are of the processor, and none counts by itself: each is told as a multiple of another that
this process takes at the same moment, a plain loop or the same work on a tenth of the input.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from axio.exceptions import GuardError
from axio.tool import Tool
from axio_tui_guards import AuditLog, PathGuard, Rule
from axio_tui_guards.calls import read_call
from axio_tui_guards.judging import judge
from axio_tui_guards.redaction import without_secrets

RULES = [
    Rule("allow"),
    Rule("deny", command="rm"),
    Rule("deny", path="/srv/secret"),
    Rule("deny", host="evil.example"),
    Rule("ask", holding="secrets"),
]


async def _handler(**kwargs: Any) -> str:
    return "ran"


TOOL: Tool[Any] = Tool(name="any", handler=_handler)

PIECES = [
    *("a", "a-", "=", "a=b,", "/", "../", "$x", "~/", ":", "://", "http://a.b/ ", "a:b@", "%41"),
    *("{", "\\", '"', "`", "$(", "rm x;", "\n", "é", "--token ", "eyJa", "-----BEGIN ", "key: "),
]


def _counting() -> None:
    """A million steps of the interpreter: 9 ms where a megabyte takes 45 ms at most."""
    for _ in range(1_000_000):
        pass


def seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def times(work: Callable[[], Any], other: Callable[[], Any], good: float) -> float:
    """How many times the other the work takes. The best of five tries, or the first good one."""
    best = float("inf")
    for _ in range(5):
        best = min(best, seconds(work) / max(seconds(other), 0.0001))
        if best < good:
            break
    return best


def cost(work: Callable[[], Any]) -> float:
    """The work in plain loops: five are about 50 ms."""
    return times(work, _counting, 5)


def _judged(**kwargs: Any) -> Callable[[], Any]:
    return lambda: judge(read_call(TOOL, kwargs), RULES)


def _checked(**kwargs: Any) -> Callable[[], Any]:
    guard = PathGuard(_nobody)
    guard.allowed.add(Path.cwd())

    async def check() -> None:
        with suppress(GuardError):
            await guard.check(TOOL, **kwargs)

    return lambda: asyncio.run(check())


async def _nobody(question: str) -> str:
    return ""


def _of_size(piece: str, size: int) -> str:
    return (piece * (size // len(piece) + 1))[:size]


@pytest.mark.parametrize("piece", PIECES)
def test_a_megabyte_of_anything_is_looked_through_at_once(piece: str, tmp_path: Path) -> None:
    text = _of_size(piece, 1_000_000)
    log = AuditLog(tmp_path / "audit.jsonl")
    for work in (
        _judged(content=text),
        _judged(items=[text[:1000]] * 1000),
        _judged(items=[text[i : i + 1000] for i in range(190)]),
        _judged(file_path=text),
        _judged(url=text),
        _judged(command=text),
        _judged(argv=["grep", text]),
        _checked(content=text),
        _checked(path=text),
        lambda: without_secrets({"content": text, "items": [text] * 20}),
        lambda: log.record("any", {"content": text}, "allow", text, False),
    ):
        assert cost(work) < 15


@pytest.mark.parametrize("piece", PIECES)
def test_ten_times_the_size_takes_no_more_than_ten_times(piece: str, tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.jsonl")

    def all_of(size: int) -> Callable[[], None]:
        text = _of_size(piece, size)
        works = (
            _judged(content=text),
            _judged(items=[text[i : i + 500] for i in range(0, size, 500)]),
            _checked(paths=[text[i : i + 20] for i in range(0, size, 500)]),
            lambda: without_secrets([text, [text[i : i + 500] for i in range(0, size, 500)]]),
            lambda: log.record("any", {"content": text}, "allow", text, False),
        )

        def work() -> None:
            for one in works:
                one()

        return work

    assert times(all_of(100_000), all_of(10_000), 15) < 30


@pytest.mark.parametrize("piece", PIECES)
def test_a_command_takes_time_as_its_length(piece: str) -> None:
    small, large = (_judged(command="echo " + _of_size(piece, size)) for size in (9_000, 90_000))
    assert times(large, small, 15) < 30


def test_a_command_of_more_than_100_kb_is_asked_about_unread() -> None:
    text = "true;" * 30_000
    judgement = judge(read_call(TOOL, {"command": text}), [Rule("allow")])
    assert judgement.effect == "ask"
    assert "characters" in judgement.reason
    assert cost(_judged(command=text)) < 5


def test_many_paths_in_many_directories_are_refused_instead_of_looked_up() -> None:
    many = {f"dir{i}": f"d{i}" for i in range(100)} | {"files": [f"f{i}" for i in range(1000)]}
    assert cost(_judged(**many)) < 15
    assert cost(_checked(**many)) < 15


def test_nothing_holds_the_event_loop() -> None:
    """While a guard looks at large arguments, others wait no longer than for a moment."""

    async def longest_wait() -> float:
        """In plain loops."""
        longest = 0.0
        calls = [_of_size(piece, 100_000) for piece in ("a", "a-", "http://", "/a", "`")]

        async def look() -> None:
            for text in calls:
                judge(read_call(TOOL, {"content": text, "command": f"echo {text[:90_000]}"}), RULES)
                await asyncio.sleep(0)

        task = asyncio.create_task(look())
        while not task.done():
            start = time.thread_time()  # a busy machine is not our fault
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - start)
        return longest / seconds(_counting)

    assert min(asyncio.run(longest_wait()) for _ in range(5)) < 15
