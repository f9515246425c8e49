"""The keys of the part that has the focus, and of all others."""

from __future__ import annotations

from collections.abc import Iterator

from textual.binding import ActiveBinding
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.widgets import Input, TextArea

from axio_tui.app.keys import NO_KEY
from axio_tui.app.screens.pager import Pager
from axio_tui.app.widgets.prompt_area import PromptArea
from axio_tui.config.keys import ACTIONS, is_always_told, told_key

__all__ = ("help_on", "key_lines")

_WIDTH = 18


def _bound(screen: Screen[object]) -> Iterator[tuple[str, str, int]]:
    """Each key that means something now, with its words: 0 for one of the part with the focus, 1
    for one of the application, 2 for one that moves a cursor or a view."""
    places = {action: place for place, action in enumerate(ACTIONS)}
    bound = {**screen.active_bindings}
    if isinstance(screen.focused, PromptArea):  # the keys of the composer come before its own
        node, composer = screen._binding_chain[1]
        bound |= {key: ActiveBinding(node, one, True, "") for key, one in composer}
    for key, active in sorted(
        bound.items(), key=lambda one: places.get(one[1].binding.id or "", 99)
    ):
        words = active.binding.description
        if words and key != NO_KEY and "super" not in key:
            of_text = isinstance(active.node, TextArea | Input | ScrollView)
            is_ours = words[0].islower()  # those of the base classes are not
            of_base = 2 if of_text or not is_ours else 0
            yield key, words, 1 if active.node is screen.app else of_base


def key_lines(screen: Screen[object], place: int, *, tells_all: bool = False) -> list[str]:
    """The keys of a place that the terminal tells, in lines with what they mean."""
    found: dict[str, list[str]] = {}
    for key, words, at in _bound(screen):
        if at == place and (tells_all or is_always_told(key)):
            found.setdefault(words, []).append(told_key(key))
    lines = []
    for words, keys in found.items():
        told = ", ".join(keys)
        lines.append(f"{told:<{_WIDTH}} {words}" if len(told) <= _WIDTH else f"{told}: {words}")
    return lines


def untold(screen: Screen[object]) -> list[str]:
    """The keys that would mean something, and that only some terminals tell from others."""
    return [
        f"{told_key(key)} ({words})" for key, words, _ in _bound(screen) if not is_always_told(key)
    ]


def help_on(screen: Screen[object]) -> Pager:
    """The help on what has the focus in the screen."""
    focused = screen.focused
    where = "" if focused is None else type(focused).__name__
    names = {"PromptArea": "the composer", "Transcript": "the transcript"}
    tells_all = getattr(screen.app._driver, "tells_all", False)
    keys = [key_lines(screen, place, tells_all=tells_all) for place in range(3)]
    lines = [
        "/ lists commands, @ names files, ! runs a command of yours, !! lets the model see it too.",
        "",
        *keys[0],
        *keys[1],
        "",
        "[keys] in the configuration gives actions other keys: axio config lists them.",
    ]
    if not tells_all and (others := untold(screen)):
        lines.append(f"This terminal does not send: {', '.join(others)}.")
    if keys[2]:
        lines += ["", "In what scrolls and what is written:", *keys[2]]
    return Pager(f"Keys in {names.get(where, where or 'this screen')}", "\n".join(lines))
