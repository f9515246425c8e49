"""One thread that owns the loaded model and does one job after the other."""

from __future__ import annotations

import asyncio
import atexit
import os
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from axio_transport_local.memory import Memory

__all__ = ("Worker",)

T = TypeVar("T")

GOODBYE = 3.0
"""Seconds that the end of the program waits for the job under way to hear that it shall stop."""


class _Job(NamedTuple):
    work: Callable[[Memory], Any]
    future: Future[Any]
    stop: threading.Event


class Worker:
    """Does jobs with one `Memory`, in the order they came, for any number of event loops.

    The first job makes the memory, which loads the model; it stays until the program ends. The
    thread does not keep the program alive.
    """

    def __init__(self, make: Callable[[], Memory]) -> None:
        self._make = make
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._current: _Job | None = None
        self._closed = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._loop, name="axio-local", daemon=True)
        self._thread.start()
        # llama.cpp must not be computing while the process is torn down.
        atexit.register(self.close)

    async def run(self, work: Callable[[Memory], T]) -> T:
        """Do `work` in the thread, and return or raise its outcome.

        Cancelled, this returns at once. A job that has begun then ends when it next looks at
        `Memory.engine.stop`, one that has not is never begun.
        """
        job = _Job(work, Future(), threading.Event())
        self._jobs.put(job)
        try:
            return await asyncio.wrap_future(job.future)
        finally:
            job.stop.set()

    def close(self) -> None:
        """Stop the job under way, leave out the others and unload the model."""
        if self._pid != os.getpid():  # A fork has this object, but not the thread.
            return
        self._closed = True
        if (job := self._current) is not None:
            job.stop.set()
        self._jobs.put(None)
        self._thread.join(GOODBYE)

    def _loop(self) -> None:
        memory: Memory | None = None
        while (job := self._jobs.get()) is not None:
            if self._closed:
                job.future.cancel()
            if not job.future.set_running_or_notify_cancel():
                continue
            self._current = job
            if self._closed:
                job.stop.set()
            try:
                if memory is None:
                    memory = self._make()
                memory.engine.stop = job.stop
                result = job.work(memory)
            except BaseException as error:
                job.future.set_exception(error)
            else:
                job.future.set_result(result)
            finally:
                self._current = None
