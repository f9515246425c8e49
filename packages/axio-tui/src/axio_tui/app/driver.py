"""`TerminalDriver`: the driver of a terminal of Unix, which no byte of the person can end."""

from __future__ import annotations

import os
import select
import signal
from contextlib import suppress
from signal import SIGHUP
from types import FrameType
from typing import Any, TextIO

from textual.drivers.linux_driver import LinuxDriver

from axio_tui.app.typed import ASKS, Typed

__all__ = ("TERMINAL_GONE", "TerminalDriver")

TERMINAL_GONE = 128 + SIGHUP
"""The return code of the application when its terminal is gone, also if no signal says so."""


class TerminalDriver(LinuxDriver):
    """Reads keys and pastes by `Typed`. The application ends with its terminal, and draws all of
    the screen again when that tells its size and it is the same: another has taken its place."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._file: Any = _Output(self._file)
        self._typed = Typed(debug=self._debug)

    @property
    def tells_all(self) -> bool:
        """True if the terminal tells every key from every other."""
        return self._typed.tells_all

    def start_application_mode(self) -> None:
        is_back = self._must_signal_resume
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.write(ASKS)
        self.flush()
        resize = signal.getsignal(signal.SIGWINCH)
        app = self._app

        def resized(signum: int, frame: FrameType | None) -> None:
            if callable(resize):
                resize(signum, frame)
            if self._get_terminal_size() == app.size:
                self._loop.call_soon_threadsafe(app.call_later, app.refresh)

        signal.signal(signal.SIGWINCH, resized)
        if is_back:  # what was on the screen is not there any more
            self._loop.call_soon_threadsafe(app.call_later, app.refresh)

    def _sigcont_application(self, *_: object) -> None:
        """Take the terminal as after Ctrl+Z, also where SIGSTOP left no time to give it back."""
        if self._key_thread is not None and self._key_thread.is_alive():
            # Later, because the signal may have come in the middle of a write.
            self._loop.call_soon_threadsafe(self._take_again)
        else:
            super()._sigcont_application()

    def _take_again(self) -> None:
        """Give the terminal back and take it, so that one thread reads it and what it was before is
        not forgotten. In the background, stop again; without a terminal, let the reader see it."""
        if not self._auto_restart:
            return
        with suppress(OSError):
            if os.tcgetpgrp(self.fileno) != os.getpgrp():
                os.killpg(os.getpgrp(), signal.SIGSTOP)
                return
            self.suspend_application_mode()
            self._must_signal_resume = True
            self.resume_application_mode()

    def _sigtstp_application(self, *_: object) -> None:
        """Stop all of the job, as a terminal does: a shell waits for `make run`, not for us."""
        if self._auto_restart:
            self.suspend_application_mode()
            self._must_signal_resume = True
        os.killpg(os.getpgrp(), signal.SIGSTOP)

    def run_input_thread(self) -> None:
        """Read until the application ends."""
        while not self.exit_event.is_set():
            if select.select([self.fileno], [], [], 0.1)[0]:
                data = self._read()
                if not data:
                    self._app.call_later(self._app.exit, None, TERMINAL_GONE)
                    return
                for message in self._typed.feed(data):
                    self.process_message(message)
            for message in self._typed.tick():
                self.process_message(message)

    def _read(self) -> bytes:
        """Some bytes; none if the terminal is gone."""
        try:
            return os.read(self.fileno, 4096)
        except OSError:
            return b""


class _Output:
    """A terminal to write to, which may be gone: an error would end the thread that writes, and
    the application would wait for it without end."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self.fileno = file.fileno

    def write(self, text: str) -> None:
        with suppress(OSError):
            self._file.write(text)

    def flush(self) -> None:
        with suppress(OSError):
            self._file.flush()
