"""One step of a plug-in, held: what it raises, ends or waits for becomes a `PluginError`, and the
program goes on.

found = await in_thread("'acme' cannot be imported", entry.load)      # code that may block
await on_loop("'acme' cannot begin", lambda: plugin.init(config))     # code that waits

A step gets `LIMIT` seconds. A thread that does not come back is left alone; a coroutine that blocks
the event loop is broken into. What a step prints goes to stderr, and no secret is in the words of
its error.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import signal
import threading
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import Any, Generic, TypeVar, cast

from axio.plugins import PluginError
from axio_tui.errors import words_of_others
from axio_tui.stdout import print_aside

__all__ = ("LIMIT", "held", "in_thread", "on_loop")

LIMIT = 10.0
"""Seconds for one step."""
_SLICES = 20
_TO_END = 1.0  # seconds for what has been cancelled

T = TypeVar("T")


class _Broken(BaseException):
    """Raised inside a step that blocks the event loop."""


@dataclass(frozen=True, slots=True)
class _Came(Generic[T]):
    """The end of a step: a value, or what was raised."""

    value: T | None = None
    error: BaseException | None = None

    def get(self, problem: str) -> T:
        if self.error is not None:
            raise _failure(problem, self.error) from self.error
        return cast(T, self.value)


def _came_of(code: Callable[[], T]) -> _Came[T]:
    def run() -> T:
        print_aside()
        return code()

    try:
        return _Came(contextvars.copy_context().run(run))
    except BaseException as error:
        return _Came(error=error)


# ── code that returns ─────────────────────────────────────────────────────────────────────────


def held(problem: str, code: Callable[[], T]) -> T:
    """The result of code in a thread, waited for here. `PluginError` begins with the problem.

    Code that needs the main thread is run again there, if this is it.
    """
    end: Future[_Came[T]] = Future()
    _start(code, end.set_result)
    try:
        came = end.result(LIMIT)
    except TimeoutError:
        raise _too_long(problem) from None
    if _needs_main(came.error) and threading.current_thread() is threading.main_thread():
        came = _came_of(code)
    return came.get(problem)


async def in_thread(problem: str, code: Callable[[], T]) -> T:
    """The result of code in a thread. `PluginError` begins with the problem.

    Code that needs the main thread or the event loop is run again on the loop.
    """
    loop = asyncio.get_running_loop()
    end: asyncio.Future[_Came[T]] = loop.create_future()

    def tell(came: _Came[T]) -> None:
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(lambda: None if end.done() else end.set_result(came))

    _start(code, tell)
    await _alive(end)
    if not end.done():
        end.cancel()
        raise _too_long(problem)
    came = end.result()
    if not _needs_main(came.error):
        return came.get(problem)

    async def again() -> T:
        return code()

    return await on_loop(problem, again)


def _start(code: Callable[[], T], tell: Callable[[_Came[T]], object]) -> None:
    """A thread of its own, for which no end of the program waits."""
    context = contextvars.copy_context()
    run = lambda: tell(context.run(_came_of, code))  # noqa: E731
    threading.Thread(target=run, name="plug-in", daemon=True).start()


def _needs_main(error: BaseException | None) -> bool:
    """True for code that cannot be run in a thread."""
    needs = "no running event loop", "no current event loop", "only works in main thread"
    return isinstance(error, RuntimeError | ValueError) and any(n in str(error) for n in needs)


# ── code that waits ───────────────────────────────────────────────────────────────────────────


async def on_loop(problem: str, code: Callable[[], Awaitable[T]]) -> T:
    """The result of a coroutine on this event loop. `PluginError` begins with the problem."""

    async def run() -> _Came[T]:
        print_aside()
        try:
            awaitable = code()
            if not inspect.isawaitable(awaitable):
                raise TypeError("it is not async")
            return _Came(await awaitable)
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            return _Came(error=error)

    task = asyncio.create_task(run())
    with _watched(task):
        try:
            await _alive(task)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task], timeout=_TO_END)
            raise
        if not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=_TO_END)
            raise _too_long(problem)
    if task.cancelled():
        raise _failure(problem, asyncio.CancelledError())
    return task.result().get(problem)


async def _alive(end: asyncio.Future[Any]) -> None:
    """Wait for an end, for as long as a step may take. Time in which the loop stood still because
    of another step does not count."""
    for _ in range(_SLICES):
        _beat()
        if (await asyncio.wait([end], timeout=LIMIT / _SLICES))[0]:
            return


_watching: set[asyncio.Task[Any]] = set()
_last_beat = 0.0


def _beat() -> None:
    global _last_beat
    _last_beat = monotonic()


@contextmanager
def _watched(task: asyncio.Task[Any]) -> Iterator[None]:
    """Break into the task while the block lasts, if it lets the event loop stand still."""
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield
        return
    if not _watching:
        before = signal.signal(signal.SIGURG, _break)  # nothing else is done by it
        over = threading.Event()
        _beat()
        watch = threading.Thread(target=_watch, args=(over, main.ident), daemon=True)
        watch.start()

        def end() -> None:
            over.set()
            signal.signal(signal.SIGURG, before)

        _ends.append(end)
    _watching.add(task)
    try:
        yield
    finally:
        _watching.discard(task)
        if not _watching:
            _ends.pop()()


_ends: list[Callable[[], object]] = []


def _watch(over: threading.Event, thread: int) -> None:
    while not over.wait(LIMIT / _SLICES):
        if monotonic() - _last_beat > LIMIT:
            signal.pthread_kill(thread, signal.SIGURG)


def _break(signum: int, frame: object) -> None:
    """Runs in the main thread, in the middle of what it does."""
    with suppress(RuntimeError):  # no loop runs
        if asyncio.current_task() in _watching and monotonic() - _last_beat > LIMIT:
            raise _Broken(f"it has blocked the application for {LIMIT:g} s")


# ── words ─────────────────────────────────────────────────────────────────────────────────────


def _too_long(problem: str) -> PluginError:
    return PluginError(f"{problem}: it took more than {LIMIT:g} s")


def _failure(problem: str, error: BaseException) -> PluginError:
    try:
        words = " ".join(str(error).split())
    except BaseException:
        words = ""
    words = words_of_others(words)
    if isinstance(error, PluginError | _Broken):
        return PluginError(f"{problem}: {words}")
    return PluginError(f"{problem}: {type(error).__name__}: {words}".rstrip(": "))
