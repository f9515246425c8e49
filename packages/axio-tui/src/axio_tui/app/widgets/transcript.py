"""The transcript: one widget for a conversation of any length. Rows are drawn when seen."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import ClassVar

from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.selection import Selection
from textual.strip import Strip
from textual.timer import Timer

from axio_tui.app.column import Column, Place
from axio_tui.app.items import Item
from axio_tui.app.look import NAMES, Look
from axio_tui.app.marks import highlighted, marked
from axio_tui.app.widgets.rows import Rows
from axio_tui.chat.conversation import Conversation
from axio_tui.chat.entries import ToolCall

__all__ = ("Transcript",)

_FAST, _SLOW = 1 / 20, 1 / 10
_FAST_FOR = 1.0
"""Seconds at the beginning of a stream that are painted fast; then half as often will do."""
_NEAR = 3
"""Screens of scrolling over which everything is drawn, so that nothing jumps."""
_WHEEL = 3
_FIRST_PAINT = 1.0
"""Seconds within which the first rows are painted, if any are."""


class Transcript(Rows, can_focus=True):
    """Shows the entries of `conversation`. `touch()` after an event paints when it is time.

    The view follows the end until the reader scrolls up; `is_behind` is true while there is more
    below it. Nothing goes on in between: an unchanged transcript costs nothing.
    """

    DEFAULT_CSS = "Transcript { height: 1fr; overflow-x: hidden; scrollbar-size: 0 0; }"
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"transcript--{name}" for name in NAMES}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "open or close the entry"),
        Binding("f", "detail", "show the call whole"),
        Binding("up", "select(-1)", "the entry above"),
        Binding("down", "select(1)", "the entry below"),
        Binding("pageup", "page(-1)", "scroll up", show=False),
        Binding("pagedown", "page(1)", "scroll down", show=False),
        Binding("escape", "leave", "back to typing"),
    ]

    class Detail(Message):
        """The reader wants to see a call whole, or what the agents do that work for it."""

        def __init__(self, call: ToolCall, of_agents: bool) -> None:
            super().__init__()
            self.call = call
            self.of_agents = of_agents

    class Left(Message):
        """The reader goes back to typing."""

    class Moved(Message):
        """There is more below the view now, or no more."""

    def __init__(self, *, is_ascii: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.conversation = Conversation()
        self.agents_of: Callable[[ToolCall], Sequence[str]] = lambda call: ()
        """A line for each agent that works for a call."""
        self.is_behind = False
        self._is_ascii = is_ascii
        self._column = Column()
        self._anchor = Place(0, 0)
        self._follows = True
        self._selected: int | None = None
        self._all_open = False
        self._timer: Timer | None = None
        self._painted = self._began = 0.0
        self._is_placing = False
        self._stale: set[int] = set()
        self._hidden = 0  # entries above, which the reader has cleared away

    # ── contents ──────────────────────────────────────────────────────────────────────────────

    @property
    def items(self) -> Sequence[Item]:
        return self._column.items

    def place_of(self, call_id: str) -> int | None:
        """The index of the item of a call; None if it is not there."""
        for index in range(len(self.items) - 1, -1, -1):
            if getattr(self.items[index].entry, "call_id", None) == call_id:
                return index
        return None

    def show(self, conversation: Conversation) -> None:
        """Show another conversation, from its end."""
        self.conversation = conversation
        self._column = Column()
        self._selected, self._follows, self._hidden = None, True, 0
        conversation.changed()
        self._stale = set(range(len(conversation.entries)))
        self._fit()

    async def show_first(self, conversation: Conversation) -> None:
        """Show the end of a conversation, and wait until it is on the screen. The rest comes by
        `show_rest`."""
        self.show(conversation)
        painted = asyncio.Event()
        self.call_after_refresh(painted.set)
        with suppress(TimeoutError):  # nothing is painted while the application ends
            await asyncio.wait_for(painted.wait(), _FIRST_PAINT)

    def show_rest(self, conversation: Conversation) -> None:
        """Show all of it. Where the reader has scrolled up in the end already, they stay there."""
        is_read = self.conversation is conversation and not self._follows
        anchor, known = self._anchor, len(self.items)
        self.show(conversation)
        if is_read:
            above = len(conversation.entries) - known
            self._follows, self._anchor = False, Place(max(0, anchor.item + above), anchor.row)
            self._place()

    def clear_view(self) -> None:
        """Show only what comes from now on; when it is clear already, everything again."""
        count = len(self.conversation.entries)
        hidden = 0 if self._hidden == count or not self.items else count
        self.show(self.conversation)
        self._hidden = hidden
        self._column = Column()
        self._stale = set(range(count - hidden))
        self._fit()

    def touch(self) -> None:
        """Something has come: it is painted soon, with all that comes until then."""
        if self._timer is not None:
            return
        now = time.monotonic()
        if now - self._painted > 2 * _SLOW:
            self._began = now
        pause = _FAST if now - self._began < _FAST_FOR else _SLOW
        self._timer = self.set_timer(max(self._painted + pause - now, 0.001), self.paint)

    def tick(self) -> None:
        """Let running calls say how long they have worked, and what their agents do."""
        for index, item in enumerate(self.items):
            if isinstance(item.entry, ToolCall) and item.entry.status in ("writing", "running"):
                self._stale.add(index)
        if self._stale:
            self.touch()

    def paint(self) -> None:
        """Show all that has come, now."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        self._painted = time.monotonic()
        self._take()
        self._place()

    def _take(self) -> None:
        changed = {i - self._hidden for i in self.conversation.changed() if i >= self._hidden}
        changed |= self._stale
        self._stale = set()
        if not changed:
            return
        column = self._column
        column.now = time.monotonic()
        known = len(column.items)
        column.take(self.conversation.entries[self._hidden :], changed)
        count = len(column.items)
        for index in [one for one in changed if one < count]:
            item = column.items[index]
            if isinstance(item.entry, ToolCall):
                item.agents = self.agents_of(item.entry)
                if item.entry.status == "running" and item.since is None:
                    item.since = column.now
                if index >= known:
                    item.is_open = self._all_open
        if self._selected is not None and self._selected >= len(column.items):
            self._selected = None

    # ── look and size ─────────────────────────────────────────────────────────────────────────

    def _style_of(self, name: str) -> Style:
        if name == "base":
            return self.rich_style
        part = f"transcript--{name}"
        style = self.get_component_rich_style(part, partial=True)
        if self.get_component_styles(part).has_rule("color"):
            # A colour that depends on what is behind it is known only from the whole style.
            style += Style(color=self.get_component_rich_style(part).color)
        return style

    def _fit(self) -> None:
        """Draw all that is seen for the look and the width that there are now."""
        width = self.scrollable_content_region.width
        self._take()
        if width > 0 and self.is_attached:
            self._column.fit(Look(self._style_of, self._is_ascii), width)
            self._place()

    def on_resize(self) -> None:
        self.clear_cached_dimensions()
        self._fit()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        if self._column.is_ready:
            self.call_next(self._fit)

    # ── the view ──────────────────────────────────────────────────────────────────────────────

    @property
    def _height(self) -> int:
        return self.scrollable_content_region.height

    def _place(self) -> None:
        """Put the view where it belongs: at the end, or where the reader has scrolled to."""
        column = self._column
        if not column.is_ready:
            return
        top = column.height if self._follows else column.settle_from(self._anchor, self._height)
        if top + self._height > column.height:
            top = column.settle_end(self._height)
        self._move_to(top)

    def _move_to(self, top: int) -> None:
        column = self._column
        self._is_placing = True
        try:
            self.virtual_size = Size(self.scrollable_content_region.width, column.height)
            self.scroll_target_y = self.scroll_y = float(top)
        finally:
            self._is_placing = False
        self._anchor = column.place(top)
        self._show_rows(top)
        behind = top + self._height < column.height
        if behind != self.is_behind:
            self.is_behind = behind
            self.post_message(self.Moved())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        column = self._column
        if self._is_placing or not column.is_ready or round(old_value) == round(new_value):
            return
        by = round(new_value) - column.line(self._anchor)
        end = self.virtual_size.height - self._height
        self._follows = new_value >= end
        if not self._follows and abs(by) <= _NEAR * self._height:
            self._anchor = column.place(column.settle_between(self._anchor, by))
        else:
            self._anchor = column.place(round(new_value))
        self._place()

    @property
    def max_scroll_y(self) -> int:
        return max(0, self.virtual_size.height - self._height)

    def _show_rows(self, top: int) -> None:
        """Compose the rows of the view, and have those painted that are not as they were."""
        self.show_strips([self._compose_row(top + y) for y in range(self._height)])

    def _compose_row(self, line: int) -> Strip:
        row = self._column.row(line)
        width = self.scrollable_content_region.width
        if row is None:
            return Strip.blank(width, self.rich_style)
        strip = row.strip
        if self._selected is not None and row.strip.text.strip():
            first, last = self._column.span(self._selected)
            if first <= line < last:
                style = self.rich_style + self._style_of("selected")
                strip = marked(strip, "|" if self._is_ascii else "▌", style)
        selection = self.text_selection
        span = selection.get_span(line) if selection is not None else None
        return strip if span is None else highlighted(strip, *span, self._style_of("selection"))

    # ── text selection ────────────────────────────────────────────────────────────────────────

    def selection_updated(self, selection: Selection | None) -> None:
        if self._column.is_ready:
            self._show_rows(round(self.scroll_y))

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text that is selected; lines that were broken to fit are whole again."""
        return self._column.selected(selection), "\n"

    # ── scrolling and selecting entries ───────────────────────────────────────────────────────

    def follow(self) -> None:
        """Go to the end, and stay there."""
        self._follows = True
        self._place()

    def action_page(self, pages: int) -> None:
        """Scroll by so many heights of the view; upwards if negative."""
        self.scroll_lines(round(pages * max(1, self._height - 1)))

    def scroll_lines(self, lines: int) -> None:
        self.scroll_to(y=min(max(self.scroll_y + lines, 0), self.max_scroll_y), animate=False)

    def _on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.scroll_lines(_WHEEL)

    def _on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.scroll_lines(-_WHEEL)

    def action_scroll_end(self) -> None:
        self.follow()

    def action_select(self, by: int) -> None:
        """Select the entry above or below; at first the last one."""
        count = len(self.items)
        if not count:
            return
        self.focus(scroll_visible=False)
        index = count - 1 if self._selected is None else self._selected + by
        while 0 <= index < count and self.items[index].is_hidden:
            index += by
        if index >= count:
            self.action_leave()
            return
        self._selected = max(0, index)
        self._into_view(self._selected)

    def _into_view(self, index: int) -> None:
        column = self._column
        first, _ = column.span(index)
        top = round(self.scroll_y)
        if first < top or first >= top + self._height:
            above = min(self._height // 3, first)
            self._follows = False
            self._anchor = column.place(column.settle_between(Place(index, 0), -above))
        self._place()

    def action_leave(self) -> None:
        self._selected = None
        self._place()
        self.post_message(self.Left())

    def action_open(self) -> None:
        if self._selected is not None:
            entry = self.items[self._selected].entry
            if isinstance(entry, ToolCall) and entry.agents:
                self.post_message(self.Detail(entry, of_agents=True))
            else:
                self.toggle(self._selected)

    def toggle(self, index: int) -> None:
        """Open an entry, or close it. Its first row stays where it is."""
        if not self.items[index].can_open:
            return
        self._follows = False
        self.items[index].toggle()
        self._column.changed(index)
        self._place()
        self._follows = round(self.scroll_y) >= self.max_scroll_y

    def toggle_all(self) -> None:
        """Open all calls, or close them all."""
        self._all_open = not self._all_open
        for item in self.items:
            if isinstance(item.entry, ToolCall):
                item.is_open = self._all_open
                item.forget()
        self._fit()

    def action_detail(self) -> None:
        if self._selected is not None:
            entry = self.items[self._selected].entry
            if isinstance(entry, ToolCall):
                self.post_message(self.Detail(entry, of_agents=False))

    def on_click(self, event: events.Click) -> None:
        """A click on the head of an entry opens or closes it."""
        line = round(self.scroll_y) + event.y
        if self.text_selection is not None or not 0 <= line < self._column.height:
            return
        place = self._column.place(line)
        item = self.items[place.item]
        if item.can_open and place.row == item.gap:
            self.toggle(place.item)
