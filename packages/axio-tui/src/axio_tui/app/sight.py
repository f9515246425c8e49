"""`in_sight`: that a person can see all of a widget, in a window of any size."""

from __future__ import annotations

from textual.errors import NoWidget
from textual.widget import Widget

__all__ = ("in_sight",)


def in_sight(*widgets: Widget) -> bool:
    """True if each has room for its content, and no edge of the window cuts it."""
    for widget in widgets:
        try:
            place = widget.screen.find_widget(widget)
        except NoWidget:
            return False
        if not widget.content_size or place.visible_region != place.region:
            return False
    return True
