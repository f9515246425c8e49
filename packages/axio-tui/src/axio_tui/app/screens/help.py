"""The keys of the part that has the focus, and of all others."""

from __future__ import annotations

from textual.screen import Screen

from axio_tui.app.screens.pager import Pager

__all__ = ("help_on", "key_lines")

_NAMES = {
    "escape": "Esc", "pageup": "PgUp", "pagedown": "PgDn", "up": "Up", "down": "Down",
    "enter": "Enter", "end": "End", "home": "Home", "tab": "Tab", "space": "Space",
    "underscore": "_", "delete": "Del", "backspace": "Backspace", "left": "Left", "right": "Right",
}  # fmt: skip
_UNTOLD = ("super", "ctrl+shift")


def _told(key: str) -> str:
    return "+".join(_NAMES.get(part, part.capitalize()) for part in key.split("+"))


def key_lines(screen: Screen[object]) -> list[str]:
    """Each key that means something now, nearest part first."""
    by_action: dict[tuple[str, str], list[str]] = {}
    for key, active in screen.active_bindings.items():
        binding = active.binding
        if binding.description and not key.startswith(_UNTOLD):
            node = type(active.node).__name__
            by_action.setdefault((node, binding.description), []).append(_told(key))
    rows = [(", ".join(keys), words) for (_, words), keys in by_action.items()]
    width = max((len(keys) for keys, _ in rows), default=0)
    return [f"{keys:<{width}}  {words}" for keys, words in rows]


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
