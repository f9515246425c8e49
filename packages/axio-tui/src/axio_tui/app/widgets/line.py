"""`Line`: a line of text in a window. Keys take effect in the order in which they came."""

from __future__ import annotations

from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.widgets import Input

from axio_tui.app.key_order import act, give_on

__all__ = ("Line",)


class Line(Input, inherit_bindings=False):
    """Its keys and those of the window around it wait for each other, also those that were typed
    faster than the application reads. Enter means what the window says."""

    BINDINGS: ClassVar[list[BindingType]] = [
        binding
        for binding in Input.BINDINGS
        if isinstance(binding, Binding) and binding.key != "enter"
    ]

    async def _on_key(self, event: events.Key) -> None:
        if self.app.focused is not self:
            give_on(event, self)
            return
        own, *around, (window, keys), _ = self.screen._binding_chain
        if event.key in keys.key_to_bindings and hasattr(window, "settle"):
            await window.settle()
        is_done = await act(event, self.app, [(window, keys), own, *around])
        if not is_done and not event.is_printable and window.is_modal:
            event.stop()  # it means nothing: the window would give it back
