"""A terminal asked what it can do, within a time limit: `questions`, and the pure `Answers`.

Every terminal answers the last question (primary device attributes), so that nothing has to be
waited for that is not known. One that answers nothing costs the limit.
"""

from __future__ import annotations

import os
import re
import select
import termios
import time
import tty
from dataclasses import dataclass

__all__ = ("Answers", "ask_terminal", "questions")

_NAME = "\x1b[>q"  # XTVERSION
_KITTY_KEYS = "\x1b[?u"
_SGR_MOUSE = "\x1b[?1006$p"  # DECRQM, as the two that follow
_PASTE = "\x1b[?2004$p"
_FRAMES = "\x1b[?2026$p"
_KITTY_IMAGES = "\x1b_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\"
_ATTRIBUTES = "\x1b[c"
_SIXEL = "4"


@dataclass(slots=True)
class Answers:
    """The answers of a terminal in `text`, as far as they came. None: it has not said."""

    text: str = ""

    @property
    def are_all(self) -> bool:
        """True if the last question is answered, and so all that will be."""
        return self._attributes is not None

    @property
    def _attributes(self) -> list[str] | None:
        found = re.search(r"\x1b\[\?([\d;]*)c", self.text)
        return None if found is None else found[1].split(";")

    @property
    def name(self) -> str:
        """Its name and version, "" if it does not tell."""
        found = re.search(r"\x1bP>\|([^\x1b\x07]*)(?:\x1b\\|\x07)", self.text)
        return "" if found is None else found[1]

    @property
    def kitty_keys(self) -> bool | None:
        """True if it tells keys such as Shift+Enter apart."""
        return self._known(re.search(r"\x1b\[\?\d+u", self.text) is not None)

    @property
    def kitty_images(self) -> bool | None:
        return self._known(re.search(r"\x1b_Gi=31;OK\x1b\\", self.text) is not None)

    @property
    def sixel(self) -> bool | None:
        attributes = self._attributes
        return None if attributes is None else _SIXEL in attributes

    def mode(self, number: int) -> bool | None:
        """True if it knows a mode; None also where it does not answer such questions at all."""
        found = re.search(rf"\x1b\[\?{number};(\d)\$y", self.text)
        return None if found is None else found[1] != "0"

    def _known(self, answer: bool) -> bool | None:
        return answer if answer or self.are_all else None


def questions(term: str) -> str:
    """The questions for a terminal of this type; a console would print some of them."""
    if term.startswith("linux"):
        return _ATTRIBUTES
    asked = (_NAME, _KITTY_KEYS, _SGR_MOUSE, _PASTE, _FRAMES, _KITTY_IMAGES, _ATTRIBUTES)
    return "".join(asked)


def ask_terminal(term: str, patience: float) -> Answers | None:
    """The answers of the terminal of this process; None where none may be asked: without one, for
    a dumb one, and in the background, where changing its modes would stop the process."""
    if term in ("", "dumb"):
        return None
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if os.tcgetpgrp(terminal) != os.getpgrp():
            return None
        return _ask(terminal, questions(term), patience)
    except (OSError, termios.error):  # it is gone
        return None
    finally:
        os.close(terminal)


def _ask(terminal: int, text: str, patience: float) -> Answers:
    answers = Answers()
    modes = termios.tcgetattr(terminal)
    try:
        tty.setcbreak(terminal, termios.TCSADRAIN)
        os.write(terminal, text.encode())
        deadline = time.monotonic() + patience
        while not answers.are_all and (left := deadline - time.monotonic()) > 0:
            if not select.select([terminal], [], [], left)[0]:
                break
            data = os.read(terminal, 4096)
            if not data:
                break
            answers.text += data.decode("latin-1")
    finally:
        # What comes late is dropped: the shell would take it for keys.
        termios.tcsetattr(terminal, termios.TCSAFLUSH, modes)
    return answers
