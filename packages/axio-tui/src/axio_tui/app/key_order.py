"""Keys that come faster than they are read take effect in the order in which they came.

Textual looks up what a key is bound to either before the part that has the focus gets it, or after
that part and all around it are done: a letter that was typed before or after it may win. A part
with a text does what a key is bound to by itself, when it is the turn of that key.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from textual import events
from textual.app import App
from textual.binding import BindingsMap
from textual.dom import DOMNode
from textual.widget import Widget

__all__ = ("act", "give_on")


async def act(
    event: events.Key, app: App[Any], bound: Iterable[tuple[DOMNode, BindingsMap]]
) -> bool:
    """Do what the first of these that does anything binds the key to. False if none did."""
    for node, bindings in bound:
        for binding in bindings.key_to_bindings.get(event.key, ()):
            if await app.run_action(binding.action, node):
                event.stop()
                event.prevent_default()
                return True
    return False


def give_on(event: events.Key, widget: Widget) -> None:
    """Give a key that has come too late for a widget to the part that has the focus now."""
    event.stop()
    event.prevent_default()
    later = events.Key(event.key, event.character)
    (widget.app.focused or widget.app.screen)._forward_event(later)
