"""Steps of plug-ins: they fail, end, hang and block, and the program goes on."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from axio.plugins import PluginError
from axio_tui import steps
from axio_tui.stdout import told_stdout
from axio_tui.steps import held, in_thread, on_loop


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "LIMIT", 1.0)


def thrown(error: BaseException) -> Any:
    raise error


ENDS: list[tuple[BaseException, str]] = [
    (ValueError("no\n good"), "acme: ValueError: no good"),
    (SystemExit(3), "acme: SystemExit: 3"),
    (KeyboardInterrupt(), "acme: KeyboardInterrupt"),
    (asyncio.CancelledError(), "acme: CancelledError"),
    (GeneratorExit(), "acme: GeneratorExit"),
]


@pytest.mark.parametrize(("error", "words"), ENDS)
async def test_what_a_step_raises_is_told_with_its_name(error: BaseException, words: str) -> None:
    async def waits() -> None:
        await asyncio.sleep(0)
        raise error

    for step in (in_thread("acme", lambda: thrown(error)), on_loop("acme", waits)):
        with pytest.raises(PluginError) as failed:
            await step
        assert str(failed.value) == words
    with pytest.raises(PluginError) as failed:
        held("acme", lambda: thrown(error))
    assert str(failed.value) == words


async def test_steps_give_what_they_return_and_see_the_context_of_their_caller() -> None:
    assert held("acme", lambda: 3) == 3
    assert await in_thread("acme", lambda: threading.current_thread().name) == "plug-in"

    async def waits() -> str:
        return "there"

    assert await on_loop("acme", waits) == "there"


SECRETS = {"sk-abcdefghij0123456789": "key", "hunter2hunter2": "password", "p4ss:w0rd@": "url"}


@pytest.mark.parametrize("secret", SECRETS)
async def test_the_words_of_an_error_hold_no_secret(secret: str) -> None:
    words = {"key": "no {}", "password": "password={}", "url": "https://{}host/v1 is wrong"}
    error = ValueError(words[SECRETS[secret]].format(secret))

    async def waits() -> None:
        raise error

    for step in (in_thread("acme", lambda: thrown(error)), on_loop("acme", waits)):
        with pytest.raises(PluginError, match=r"acme: ValueError: .*removed") as failed:
            await step
        assert secret not in str(failed.value)


async def test_what_a_step_prints_goes_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    async def waits() -> None:
        print("from a coroutine")
        await asyncio.sleep(0)
        print("from a coroutine")

    def fails_in_a_thread() -> None:
        print("from a thread")
        asyncio.get_running_loop()

    with told_stdout():
        steps = [on_loop("acme", waits), in_thread("acme", fails_in_a_thread)]
        asyncio.get_running_loop().call_soon(print, "from the command")
        await asyncio.gather(*steps)
        held("acme", lambda: print("from another thread"))
        print("from the command")
    out, err = capsys.readouterr()
    assert out == "from the command\n" * 2
    assert sorted(err.splitlines()) == [
        "from a coroutine",
        "from a coroutine",
        "from a thread",
        "from a thread",
        "from another thread",
    ]


async def test_a_step_that_is_not_async_is_told() -> None:
    code: Any = lambda: None  # noqa: E731
    with pytest.raises(PluginError, match="acme: TypeError: it is not async"):
        await on_loop("acme", code)


@pytest.mark.usefixtures("short")
async def test_a_step_that_never_ends_is_left_alone() -> None:
    gate = threading.Event()
    try:
        with pytest.raises(PluginError, match="acme: it took more than 1 s"):
            await in_thread("acme", gate.wait)
        with pytest.raises(PluginError, match="acme: it took more than 1 s"):
            held("acme", gate.wait)
        with pytest.raises(PluginError, match="acme: it took more than 1 s"):
            await on_loop("acme", asyncio.Event().wait)
    finally:
        gate.set()


@pytest.mark.usefixtures("short")
async def test_a_step_that_holds_on_to_its_cancellation_is_left_alone() -> None:
    over = asyncio.Event()

    async def holds() -> None:
        while not over.is_set():
            try:
                await over.wait()
            except asyncio.CancelledError:
                continue

    with pytest.raises(PluginError, match="it took more than"):
        await on_loop("acme", holds)
    over.set()
    await asyncio.sleep(0)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("block", [lambda: time.sleep(60), threading.Event().wait])
async def test_a_coroutine_that_blocks_is_broken_into_and_others_lose_nothing(
    block: Callable[[], object],
) -> None:
    before = signal.getsignal(signal.SIGURG)

    async def blocks() -> None:
        await asyncio.sleep(0.05)
        block()

    async def waits() -> str:
        for _ in range(5):
            await asyncio.sleep(0.05)
        return "there"

    results = await asyncio.gather(
        on_loop("acme", blocks), on_loop("other", waits), return_exceptions=True
    )
    assert str(results[0]) == "acme: it has blocked the application for 1 s"
    assert results[1] == "there"
    assert signal.getsignal(signal.SIGURG) is before


async def test_what_needs_the_main_thread_or_the_loop_gets_it() -> None:
    def needs_main() -> str:
        signal.signal(signal.SIGUSR2, signal.getsignal(signal.SIGUSR2))
        return threading.current_thread().name

    assert await in_thread("acme", needs_main) == "MainThread"
    assert held("acme", needs_main) == "MainThread"
    assert await in_thread("acme", asyncio.get_running_loop) is asyncio.get_running_loop()


async def test_a_step_ends_with_the_task_that_waits_for_it() -> None:
    ended = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(on_loop("acme", waits))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 20)
