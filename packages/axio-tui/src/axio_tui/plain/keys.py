"""From keys to lines, where a terminal does not do it: what is typed while nothing may be answered.
Pure."""

from __future__ import annotations

import codecs

from axio_tui.chat.clean import clean

__all__ = ("Typed", "joined")

_ERASE, _KILL_LINE, _KILL_WORD = "\x7f\x08", "\x15", "\x17"


class Typed:
    """`feed` it what a terminal sends; `lines` are complete, `rest` is not yet."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.rest = ""
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def feed(self, keys: bytes) -> None:
        for key in self._decode(keys):
            if key in "\r\n":
                self.lines.append(self.rest)
                self.rest = ""
            elif key in _ERASE:
                self.rest = self.rest[:-1]
            elif key == _KILL_LINE:
                self.rest = ""
            elif key == _KILL_WORD:
                self.rest = self.rest.rstrip().rpartition(" ")[0]
            elif key >= " " or key == "\t":
                self.rest += key


def joined(pieces: bytes) -> str:
    """Lines that came at once, as a paste does, as one text. Terminals paste with CR line ends."""
    return clean(pieces.decode("utf-8", "replace")).strip("\n")
