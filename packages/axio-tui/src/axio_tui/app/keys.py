"""The keys that mean the same wherever the person is in the main screen."""

from __future__ import annotations

from textual.binding import Binding, BindingType

__all__ = ("KEYS", "MAIN_ONLY")


def _key(keys: str, action: str, words: str, id: str, *, priority: bool = True) -> Binding:
    return Binding(keys, action, words, show=False, priority=priority, id=id)


KEYS: list[BindingType] = [
    _key("f1", "help", "help on the keys here", "help"),
    _key("escape", "escape", "stop; twice: go back to a prompt", "stop", priority=False),
    _key("shift+tab", "next_mode", "next mode: ask, plan, accept edits, auto", "mode"),
    _key("alt+up", "select_entry(-1)", "select an entry, Enter opens it", "select.up"),
    _key("alt+down", "select_entry(1)", "select the entry below", "select.down"),
    _key("ctrl+o", "toggle_calls", "open or close all calls", "calls"),
    _key("pageup", "scroll_page(-1)", "scroll up", "page.up"),
    _key("pagedown", "scroll_page(1)", "scroll down", "page.down"),
    _key("end", "follow", "to the end, when nothing is typed", "end"),
    _key("ctrl+end", "follow_always", "to the end", "end.always"),
    _key("ctrl+home", "to_top", "to the beginning", "top"),
    _key("ctrl+l", "clear_view", "clear the view; again: show all", "clear"),
    _key("f6", "toggle_mouse", "let go of the mouse, or take it", "mouse"),
    _key("ctrl+c", "copy_or_stop", "copy what is selected, else stop, else quit", "copy"),
    _key("ctrl+d", "leave_if_empty", "quit, when nothing is typed", "leave"),
    _key("ctrl+q", "leave", "quit", "quit"),
    _key("ctrl+z", "suspend", "to the shell; fg comes back", "suspend"),
]

MAIN_ONLY = frozenset(
    """help next_mode select_entry toggle_calls scroll_page follow follow_always to_top clear_view
    leave_if_empty escape""".split()
)
"""Actions that do nothing while a screen stands above the main one."""
