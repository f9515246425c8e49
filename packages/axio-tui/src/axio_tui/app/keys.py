"""The keys that mean the same wherever the person is in the main screen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from textual.app import App
from textual.binding import Binding, BindingType, Keymap

from axio_tui.config.keys import ACTIONS, told_key

__all__ = ("EARLY", "KEYS", "MAIN_ONLY", "NO_KEY", "binding", "hint", "keymap", "keys_of")

NO_KEY = "<no key>"


def binding(name: str, action: str, *, priority: bool = False) -> Binding:
    """The keys of an action that `[keys]` may give others."""
    one = ACTIONS[name]
    return Binding(
        ",".join(one.keys), action, one.words, show=False, priority=priority, id=one.name
    )


def keymap(keys: Mapping[str, Sequence[str]]) -> Keymap:
    """For the actions whose keys are not those that they have else."""
    return {
        name: ",".join(keys[name]) or NO_KEY
        for name, action in ACTIONS.items()
        if name in keys and tuple(keys[name]) != action.keys
    }


def keys_of(app: App[Any], name: str) -> Sequence[str]:
    """The keys of an action, as they are now."""
    keys: Sequence[str] = getattr(app, "keys", {}).get(name, ACTIONS[name].keys)
    return keys


def hint(app: App[Any], name: str, words: str) -> str:
    """The key of an action, as it is now, and words; "" if it has no key."""
    keys = keys_of(app, name)
    return f"{told_key(keys[0])} {words}".strip() if keys else ""


_ACTIONS = {
    "help": "help",
    "palette": "command_palette",
    "mode": "next_mode",
    "select_up": "select_entry(-1)",
    "select_down": "select_entry(1)",
    "calls": "toggle_calls",
    "page_up": "scroll_page(-1)",
    "page_down": "scroll_page(1)",
    "end": "follow",
    "bottom": "follow_always",
    "top": "to_top",
    "clear": "clear_view",
    "rename": "rename",
    "log": "log",
    "mouse": "toggle_mouse",
    "copy": "copy_or_stop",
    "leave": "leave_if_empty",
    "quit": "leave",
    "suspend": "suspend",
}

KEYS: list[BindingType] = [
    *(binding(name, action, priority=True) for name, action in _ACTIONS.items()),
    binding("stop", "escape"),
]

MAIN_ONLY = frozenset(
    """help rename log next_mode select_entry toggle_calls scroll_page follow follow_always to_top
    clear_view leave_if_empty escape""".split()
)
"""Actions that do nothing while a screen stands above the main one."""

EARLY = frozenset(("help", "next_mode"))
"""Those of them that work from the first frame on."""
