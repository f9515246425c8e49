"""`Modes`: the modes that a program has switched on in its terminal. Pure."""

from __future__ import annotations

import re

__all__ = ("Modes",)

# DECSET and DECRST: CSI ? number ; number ... h or l
_SWITCH = re.compile(rb"\x1b\[\?([0-9;]{1,60})([hl])")
_LONGEST = 64
_MOST = 100


class Modes:
    """Reads along what a program writes. A terminal that takes the place of the first one gets
    `replay`, and is in the same modes: alternate screen, mouse, pastes, cursor."""

    def __init__(self) -> None:
        self._switched: dict[bytes, bytes] = {}  # in the order in which they were switched
        self._rest = b""

    def feed(self, data: bytes) -> None:
        text = self._rest + data
        end = 0
        for match in _SWITCH.finditer(text):
            end = match.end()
            for number in filter(None, match[1].split(b";")):
                self._switched.pop(number, None)
                if len(self._switched) < _MOST:
                    self._switched[number] = match[2]
        self._rest = text[max(end, len(text) - _LONGEST) :]

    def replay(self) -> bytes:
        return b"".join(b"\x1b[?%b%b" % switched for switched in self._switched.items())
