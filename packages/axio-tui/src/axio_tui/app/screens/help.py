"""The keys of the part that has the focus, and of all others."""

from __future__ import annotations

from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.widgets import Input, TextArea

from axio_tui.app.screens.pager import Pager

__all__ = ("help_on", "key_lines")

_NAMES = {
    "escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "up": "Up", "down": "Down",
    "enter": "Enter", "end": "End", "home": "Home", "tab": "Tab", "space": "Space",
    "underscore": "_", "delete": "Del", "backspace": "Backspace", "left": "Left", "right": "Right",
}  # fmt: skip
_WIDTH = 18
_UNTOLD = ("super", "ctrl+shift")


def _told(key: str) -> str:
    return "+".join(_NAMES.get(part, part.capitalize()) for part in key.split("+"))


def key_lines(screen: Screen[object]) -> list[str]:
    """Each key that means something now: first those of the application, last those that move a
    cursor."""
    found: dict[tuple[int, str], list[str]] = {}
    for key, active in screen.active_bindings.items():
        words = active.binding.description
        if words and not key.startswith(_UNTOLD):
            of_text = isinstance(active.node, TextArea | Input | ScrollView)
            place = 0 if active.node is screen.app else 2 if of_text else 1
            found.setdefault((place, words), []).append(_told(key))
    lines = []
    for (_, words), keys in sorted(found.items(), key=lambda item: item[0][0]):
        told = ", ".join(keys)
        lines.append(f"{told:<{_WIDTH}} {words}" if len(told) <= _WIDTH else f"{told}: {words}")
    return lines


def help_on(screen: Screen[object]) -> Pager:
    """The help on what has the focus in the screen."""
    focused = screen.focused
    where = "" if focused is None else type(focused).__name__
    names = {"PromptArea": "the composer", "Transcript": "the transcript"}
    lines = [
        *key_lines(screen),
        "",
        "/ lists commands, @ names files, ! runs a command of yours, !! lets the model see it too.",
        "Shift+Enter and Alt+Enter make a new line only where the terminal tells them from Enter.",
    ]
    return Pager(f"Keys in {names.get(where, where or 'this screen')}", "\n".join(lines))
