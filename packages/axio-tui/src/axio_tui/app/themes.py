"""Which colours fit the terminal. Pure."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ("theme_for",)

_DARK, _LIGHT = "textual-dark", "textual-light"
_MANY = ("truecolor", "24bit")


def theme_for(environment: Mapping[str, str], wanted: str = "") -> str:
    """The theme of that name; "dark", "light" and "" are made to fit the terminal, which names its
    background in COLORFGBG if at all, and may know 16 colours alone."""
    if wanted not in ("", "dark", "light"):
        return wanted
    is_light = wanted == "light" or (not wanted and _is_light(environment))
    terminal = environment.get("TERM", "")
    few = "256" not in terminal and environment.get("COLORTERM", "").lower() not in _MANY
    if few and terminal in ("linux", "ansi", "xterm", "screen", "vt100", "vt220", "xterm-color"):
        return "ansi-light" if is_light else "ansi-dark"
    return _LIGHT if is_light else _DARK


def _is_light(environment: Mapping[str, str]) -> bool:
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return background.isdecimal() and (int(background) == 7 or int(background) > 9)
