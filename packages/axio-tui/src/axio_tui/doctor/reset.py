"""`reset_terminal`: a terminal as a shell expects it, also after a program that was killed."""

from __future__ import annotations

import locale
import os
import subprocess
from contextlib import suppress

__all__ = ("RESET", "reset_terminal")

_POP_KEYS = "\x1b[<9u\x1b[=0u"  # kitty's protocol keeps a stack for each of the two screens
_MODES_OFF = "".join(
    f"\x1b[?{mode}l"
    for mode in (9, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1015, 1016, 2004, 2026, 2031, 2048, 1)
)
RESET = "".join(
    [
        "\x18",  # CAN ends a sequence that was begun
        _MODES_OFF,
        _POP_KEYS,
        "\x1b[>4;0m",  # xterm's modifyOtherKeys
        "\x1b7\x1b[?1049l",  # leaves the other screen; on the normal one the cursor stays
        _POP_KEYS,
        "\x1b7\x1b[r\x1b8",  # all lines scroll; this alone would move the cursor
        "\x1b>\x1b(B\x0f\x1b[0m\x1b[0 q\x1b[?7h\x1b[?25h",  # keypad, letters, colours, cursor
    ]
)
"""Mouse, focus and paste reports off, keys as usual, the normal screen, the cursor on. What is on
the screen stays there."""


def _sane() -> list[str]:
    """The modes of lines; `sane` alone leaves out what stops output, and UTF-8."""
    is_utf8 = "utf" in locale.getpreferredencoding(False).lower()
    return ["sane", "ixon", *(["iutf8"] if is_utf8 else [])]


def reset_terminal() -> str:
    """Put back the terminal of this process; why that cannot be done, or ""."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError as error:
        return f"there is no terminal here: {error.strerror}"
    try:
        if os.tcgetpgrp(terminal) != os.getpgrp():
            return "the terminal belongs to another program now: call it in the foreground"
        with suppress(FileNotFoundError):
            subprocess.run(["stty", *_sane()], stdin=terminal, check=False)
        os.write(terminal, f"{RESET}\r".encode())
    except OSError as error:
        return f"the terminal cannot be written: {error.strerror}"
    finally:
        os.close(terminal)
    return ""
