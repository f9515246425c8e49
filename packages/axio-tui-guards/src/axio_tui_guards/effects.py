"""How one program of a text changes what the words of another mean.

A path leads elsewhere when links were put where it goes through, and a program that reads a file of
settings may do what no word of it says. The order of the text is not that of time: a trap and a job
in the background come later.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace

from axio_tui_guards.parts import Part
from axio_tui_guards.paths import parents

__all__ = ("with_effects",)

_SETTINGS = {
    "curl": ("$CURL_HOME/.curlrc", "$XDG_CONFIG_HOME/curlrc", "~/.config/curlrc", "~/.curlrc"),
    "jq": ("~/.jq",),
    "nslookup": ("~/.nslookuprc",),
}


def with_effects(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts of a text, those unclear whose paths or settings another of them may change."""
    parts = tuple(parts)
    movers: dict[str, set[int]] = {}
    for number, part in enumerate(parts):
        for place in part.moved:
            movers.setdefault(place, set()).add(number)
    touched = frozenset().union(*(part.places for part in parts))
    return tuple(
        _unclear(part, _led_astray(number, part, movers) or _set_up(part, touched))
        for number, part in enumerate(parts)
    )


def _unclear(part: Part, why: str | None) -> Part:
    return replace(part, unclear_paths=why, unclear_hosts=why) if why else part


def _led_astray(number: int, part: Part, movers: dict[str, set[int]]) -> str | None:
    if movers:
        for place in sorted(part.places | part.here):
            for directory in parents(os.path.dirname(place)):
                if movers.get(directory, {number}) != {number}:
                    return f"links may have come to {directory}"
    return None


def _set_up(part: Part, touched: frozenset[str]) -> str | None:
    """The file of settings that it may read; None if there is none and none is made."""
    program = part.program
    assert program is not None
    if program.usage is None or "settings" not in program.usage.traits:
        return None
    if len(program.words) > 1 and program.words[1].text.startswith("-q"):  # of curl: without them
        return None
    for name in _SETTINGS[program.name]:
        path = os.path.expanduser(os.path.expandvars(name))
        if os.path.lexists(path) or os.path.realpath(path) in touched:
            return f"{program.name} reads {path}"
    return None
