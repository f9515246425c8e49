"""`PromptArea`: the text of the composer. No large paste is ever inside of it."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import events
from textual.binding import Binding
from textual.document._document import Location
from textual.document._edit import Edit
from textual.message import Message
from textual.strip import Strip
from textual.widgets import TextArea
from textual.widgets.text_area import EditResult

from axio_tui.app.key_order import act, give_on
from axio_tui.chat.clean import clean
from axio_tui.chat.composer import Pastes

__all__ = ("PromptArea",)

_NOT_OURS = {"f6", "f7", "pageup", "pagedown", "ctrl+z,super+z", "ctrl+v,super+v"}
"""Keys of a text area that mean something else in the whole application."""


class PromptArea(TextArea, inherit_bindings=False):
    """The text that is being written. Its keys, and those of the composer around it, take effect in
    the order in which they came: also those that were typed faster than the application reads."""

    BINDINGS: ClassVar = [
        *(
            binding
            for binding in TextArea.BINDINGS
            if isinstance(binding, Binding) and binding.key not in _NOT_OURS
        ),
        Binding("ctrl+underscore,super+z", "undo", "Undo", show=False),
    ]

    class Said(Message):
        """Words to the person."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    def __init__(self, pastes: Pastes, *, placeholder: str = "") -> None:
        super().__init__(soft_wrap=True, compact=True, placeholder=placeholder)
        self.pastes = pastes
        self.last_key = 0.0
        """The moment of the last key or paste, on the clock of events."""

    def render_line(self, y: int) -> Strip:
        """Nothing where no column is left: Textual can break a placeholder into no such lines."""
        return super().render_line(y) if self.content_size.width else Strip.blank(0)

    # ── edits ─────────────────────────────────────────────────────────────────────────────────

    def edit(self, edit: Edit) -> EditResult:
        """Every change of the text goes through here, so that no placeholder is cut."""
        (top, first), (bottom, last) = sorted((edit.from_location, edit.to_location))
        start: Location
        end: Location
        if top == bottom:
            line = self.document.get_line(top)
            first, last = self.pastes.widen(line, first, last)
            start, end = (top, first), (top, last)
        else:
            upper, lower = self.document.get_line(top), self.document.get_line(bottom)
            start = (top, self.pastes.widen(upper, first, len(upper))[0])
            end = (bottom, self.pastes.widen(lower, 0, last)[1])
        return super().edit(Edit(edit.text, start, end, edit.maintain_selection_offset))

    def put(self, text: str) -> None:
        """Let this be the text, which can be undone to the one before."""
        self.replace(text, (0, 0), self.document.end, maintain_selection_offset=False)
        self.move_cursor(self.document.end)

    def write(self, text: str) -> None:
        """Put a text at the cursor, as if it were typed."""
        self._replace_via_keyboard(text, *self.selection)

    def action_delete_to_start_of_line(self) -> None:
        """Of the line as it was written; the base class knows only the one on the screen."""
        row, column = self.cursor_location
        if self.selection.is_empty and column:
            self._delete_via_keyboard((row, 0), (row, column))
        else:
            super().action_delete_to_start_of_line()

    async def _on_paste(self, event: events.Paste) -> None:
        event.stop()
        event.prevent_default()  # else the base class pastes all of it
        self.last_key = max(self.last_key, event.time)
        if not await self._draw_dropped(event.text):
            self.write(self.pastes.place(event.text, self.text))

    async def _draw_dropped(self, text: str) -> bool:
        """Take a path that was pasted for the picture that it names; False if it names none."""
        if "/" not in text:
            return False
        from axio_tui.chat.pictures import NoPicture, dropped_pictures

        try:
            pictures = await asyncio.to_thread(dropped_pictures, text)
        except NoPicture as error:
            self.post_message(self.Said(f"{error}: its path is pasted as words"))
            return False
        for picture in pictures:
            self.write(self.pastes.draw(picture, self.text))
        return bool(pictures)

    async def action_paste(self) -> None:  # type: ignore[override]
        """The image of the clipboard, or else the text that was copied here."""
        from axio_tui.chat.clipboard import clipboard_image
        from axio_tui.chat.pictures import NoPicture, picture_in

        data = await clipboard_image()
        if data is None and not self.app.clipboard:
            words = "the clipboard has no image that could be had here; @picture.png sends a file"
            self.post_message(self.Said(words))
        elif data is None:
            self.write(self.pastes.place(self.app.clipboard, self.text))
        else:
            try:
                picture = picture_in(data, "clipboard")
            except NoPicture as error:
                self.post_message(self.Said(str(error)))
            else:
                self.write(self.pastes.draw(picture, self.text))

    # ── keys ──────────────────────────────────────────────────────────────────────────────────

    async def _on_key(self, event: events.Key) -> None:
        self.last_key = max(self.last_key, event.time)
        if self.screen is not self.app.screen:  # a key before it has opened a window
            give_on(event, self)
            return
        # The composer's own keys come before those of a text.
        if await act(event, self.app, reversed(self.screen._binding_chain[:2])):
            return
        is_text = event.character is not None and clean(event.character) == event.character
        if event.key == "enter" or not is_text:
            event.prevent_default()
