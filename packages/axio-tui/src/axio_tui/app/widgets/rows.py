"""`Rows`: a view of rows that are composed elsewhere, of which only those that differ are drawn."""

from __future__ import annotations

from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

__all__ = ("Rows",)


class Rows(ScrollView):
    """Shows the strips it was given last, from its top edge on."""

    _shown: list[Strip] = []  # noqa: RUF012 - never changed, only replaced

    def show_strips(self, shown: list[Strip]) -> None:
        """Show these; a row that is the same strip as before is not drawn again."""
        before = self._shown
        self._shown = shown
        if len(before) != len(shown):
            self.refresh()
            return
        other = [
            y for y, (one, two) in enumerate(zip(before, shown, strict=True)) if one is not two
        ]
        if other:
            width = self.scrollable_content_region.width
            self.refresh(Region(0, other[0], width, other[-1] - other[0] + 1))

    def render_line(self, y: int) -> Strip:
        """A row with its place in the transcript, which the selection asks for."""
        if not 0 <= y < len(self._shown):
            return Strip.blank(self.size.width, self.rich_style)
        return self._shown[y].apply_offsets(0, self.scroll_offset.y + y)

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows as they were composed: nothing of the box around a widget is drawn here."""
        width = self.size.width
        background = self.background_colors[1]
        filters = self.get_line_filters()
        strips: list[Strip] = []
        for y in crop.line_range:
            strip = (
                self._shown[y] if 0 <= y < len(self._shown) else Strip.blank(width, self.rich_style)
            )
            if strip.cell_length != width:
                strip = strip.adjust_cell_length(width, self.rich_style)
            for filter in filters:
                strip = strip.apply_filter(filter, background)
            if crop.column_span != (0, width):
                strip = strip.crop(*crop.column_span)
            strips.append(strip)
        return strips
