"""Signals that end a run: none is lost, whichever moment and thread the kernel chooses."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

# The kernel may hand a signal to any thread, also while the event loop sleeps in another.
PROGRAM = """
import asyncio, signal, sys, threading
from axio_tui.stopping import Stopped, run_stoppable

signum = int(sys.argv[1])


async def sleep_and_be_stopped():
    other = threading.Event()
    thread = threading.Thread(target=other.wait, daemon=True)
    thread.start()
    loop = asyncio.get_running_loop()
    # By the time this helper sends it, the loop sleeps until the timer at the end of the wait.
    loop.call_soon(threading.Timer(0.2, signal.pthread_kill, (thread.ident, signum)).start)
    await asyncio.sleep(600)


before = signal.getsignal(signum)
with asyncio.Runner() as runner:
    try:
        run_stoppable(runner, sleep_and_be_stopped())
    except Stopped as stop:
        assert signal.getsignal(signum) is before
        print("stopped", stop.exit_code, flush=True)
"""


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_that_another_thread_receives_wakes_the_loop(signum: signal.Signals) -> None:
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(int(signum))],
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    assert done.stdout == f"stopped {128 + signum}\n", done.stderr
    assert time.monotonic() - started < 30
