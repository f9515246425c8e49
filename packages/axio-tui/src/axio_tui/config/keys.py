"""The actions of the full screen that keys stand for, and the names of keys. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from axio_tui.config.values import Value

__all__ = (
    "ACTIONS",
    "TEXT_KEYS",
    "Action",
    "checker",
    "is_always_told",
    "key_of",
    "part_keys",
    "told_key",
)


@dataclass(frozen=True, slots=True)
class Action:
    """`[keys]` gives an action other keys by its name; `keys` are those that it has else."""

    name: str
    keys: tuple[str, ...]
    words: str


ACTIONS: Mapping[str, Action] = {
    name: Action(name, tuple(keys.split()), words)
    for name, keys, words in (
        ("help", "f1", "help on the keys here"),
        ("palette", "ctrl+p", "all commands"),
        ("stop", "escape", "refuse, else stop; twice: go back to a prompt"),
        ("mode", "shift+tab", "next mode: ask, plan, accept edits, auto"),
        ("select_up", "alt+up", "select an entry, Enter opens it"),
        ("select_down", "alt+down", "select the entry below"),
        ("calls", "ctrl+o", "open or close all calls"),
        ("page_up", "pageup", "scroll up"),
        ("page_down", "pagedown", "scroll down"),
        ("end", "end", "to the end, when nothing is typed"),
        ("bottom", "ctrl+end", "to the end"),
        ("top", "ctrl+home", "to the beginning"),
        ("clear", "ctrl+l", "clear the view; again: show all"),
        ("rename", "f2", "another name for this conversation"),
        ("log", "f12", "the log of this program"),
        ("mouse", "f6", "let go of the mouse, or take it"),
        ("copy", "ctrl+c", "copy what is selected, else stop, else quit"),
        ("leave", "ctrl+d", "quit, when nothing is typed"),
        ("quit", "ctrl+q", "quit"),
        ("suspend", "ctrl+z", "to the shell; fg comes back"),
        ("send", "enter", "send"),
        ("newline", "ctrl+j shift+enter alt+enter", "new line"),
        ("steer", "ctrl+s", "send it into the run that goes on"),
        ("complete", "tab", "complete; answer a question"),
        ("search", "ctrl+r", "search earlier prompts"),
        ("editor", "ctrl+g", "write in your editor"),
        ("paste", "ctrl+v", "paste the image of the clipboard, or what was copied"),
        ("older", "up", "earlier prompt"),
        ("newer", "down", "later prompt"),
    )
}

TEXT_KEYS = frozenset(
    """up down left right home end ctrl+left ctrl+right ctrl+a ctrl+e backspace delete
    ctrl+backspace alt+backspace alt+delete ctrl+d ctrl+k ctrl+shift+k ctrl+u ctrl+w ctrl+c ctrl+v
    ctrl+x ctrl+y ctrl+underscore shift+up shift+down shift+left shift+right shift+home shift+end
    ctrl+shift+left ctrl+shift+right""".split()
)
"""They move in a text or change it: only an action that has one of them anyway may have it."""
_WINDOW_KEYS = frozenset(("f3", "ctrl+f"))
"""They copy a conversation in the list of them, and show all of a question."""
_PLAIN = {"enter": ("send", "newline"), "escape": ("stop",), "tab": ("complete",)}
"""Keys that mean something in every window, and the actions that may have them."""

_NAMED = (
    "enter escape tab up down left right home end pageup pagedown insert delete backspace space"
)
_SIGNS = {"\\": "backslash", "_": "underscore", "^": "circumflex_accent"}
_SIGNS["]"] = "right_square_bracket"
_KEYS = {*_NAMED.split(), *_SIGNS.values(), *(f"f{number}" for number in range(1, 25))}
_ALSO = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "del": "delete", "ins": "insert"}
_ALSO |= {"return": "enter", **_SIGNS}
_SAME = {"ctrl+i": "tab", "ctrl+m": "enter", "ctrl+h": "backspace"}
"""One byte stands for both, so a terminal cannot tell them apart."""
_MODIFIED = frozenset("up down left right home end pageup pagedown insert delete".split())
"""Terminals tell of these which of Ctrl, Alt and Shift was held."""
_TOLD = {"escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "delete": "Del"}
_TOLD |= {name: sign for sign, name in _SIGNS.items()}


def key_of(text: str) -> str:
    """The key that a person means, as the application names it. `ValueError` if there is none."""
    *modifiers, key = text.strip().lower().split("+")
    key = _ALSO.get(key, key)
    known = set(modifiers) <= {"ctrl", "alt", "shift"} and len(set(modifiers)) == len(modifiers)
    if not known or not (key in _KEYS or re.fullmatch("[a-z0-9]", key)):
        raise ValueError(f"{text!r} is no key; keys are written as ctrl+t, alt+up or f5")
    if (len(key) == 1 or key == "space" or key in _SIGNS.values()) and not (
        {"ctrl", "alt"} & set(modifiers)
    ):
        raise ValueError(f"{text!r} types a character; with ctrl+ or alt+ it does not")
    name = "+".join([*sorted(modifiers), key])
    return _SAME.get(name, name)


def is_always_told(key: str) -> bool:
    """True for a key that every terminal tells from all others."""
    *modifiers, name = key.split("+")
    held = frozenset(modifiers)
    if name in _MODIFIED or re.fullmatch("f[0-9]+", name) or not held:
        return True
    if len(name) == 1:
        return (held == {"ctrl"} and name.isalpha()) or (held == {"alt"} and name not in "bf")
    return key in ("shift+tab", "alt+enter") or (held == {"ctrl"} and name in _SIGNS.values())


def told_key(key: str) -> str:
    """A key as people write it: "Ctrl+T"."""
    return "+".join(_TOLD.get(part, part.capitalize()) for part in key.split("+"))


def checker(action: str) -> Callable[[Iterable[str]], tuple[str, ...]]:
    """Makes keys for the action of what a person has written; `ValueError` says what is wrong."""
    return partial(_checked, ACTIONS[action])


def _checked(action: Action, names: Iterable[str]) -> tuple[str, ...]:
    keys = tuple(dict.fromkeys(map(key_of, names)))
    for key in keys:
        if key in action.keys or action.name in _PLAIN.get(key, ()):
            continue
        if key in TEXT_KEYS or key in _WINDOW_KEYS or key in _PLAIN:
            raise ValueError(f"{told_key(key)} is needed for texts and windows")
    return keys


def part_keys(values: Mapping[str, Value]) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """The keys of each setting, each key with one action alone, and what is to be said of it.

    A key that is set for an action is taken from the one that has it by default.
    """
    taken: dict[str, Value] = {}
    kept: dict[str, tuple[str, ...]] = {}
    said: list[str] = []
    for value in sorted((values[f"keys.{name}"] for name in ACTIONS), key=lambda one: -one.rank):
        name = value.setting.name
        for key in value.value:
            if (other := taken.setdefault(key, value)) is not value:
                where = value.where or other.where or other.source
                rest = f"{told_key(key)} is for {other.setting.name}, and not for {name}"
                said.append(f"{where}: {rest}")
        kept[name] = tuple(key for key in value.value if taken[key] is value)
    return kept, said
