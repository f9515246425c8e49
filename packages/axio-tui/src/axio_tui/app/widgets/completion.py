"""`Completion`: the list over the text, of commands or files that may be meant."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static

from axio_tui.chat.completing import Offer, Offers
from axio_tui.harmless import one_line

__all__ = ("Completion",)

_SHOWN = 8


class Completion(Static):
    """Shows `offers`; `index` is the one that is pointed at. It never has the focus."""

    DEFAULT_CSS = """
    Completion { display: none; height: auto; padding: 0 1; background: $surface; }
    """

    def __init__(self) -> None:
        super().__init__("", markup=False)
        self.offers: Offers | None = None
        self.index = 0
        self.was_moved = False

    @property
    def is_open(self) -> bool:
        return self.offers is not None

    @property
    def chosen(self) -> Offer | None:
        return self.offers.offers[self.index] if self.offers is not None else None

    def show(self, offers: Offers | None) -> None:
        """Let these be offered; None, or none of them, closes the list."""
        if offers is not None and not offers.offers:
            offers = None
        if offers != self.offers:
            self.offers, self.index, self.was_moved = offers, 0, False
            self._draw()

    def move(self, by: int) -> None:
        if self.offers is not None:
            self.index = (self.index + by) % len(self.offers.offers)
            self.was_moved = True
            self._draw()

    def _draw(self) -> None:
        self.display = self.offers is not None
        if self.offers is None:
            return
        offers = self.offers.offers
        first = max(0, min(self.index - _SHOWN // 2, len(offers) - _SHOWN))
        lines = []
        for place, offer in enumerate(offers[first : first + _SHOWN], first):
            words = Content(f"{'>' if place == self.index else ' '} {one_line(offer.words, 200)}")
            if place == self.index:
                words = words.stylize("bold")
            if offer.more:
                words += Content(f"  {one_line(offer.more, 200)}").stylize("dim")
            lines.append(words)
        if len(offers) > _SHOWN:
            lines.append(Content(f"  {len(offers) - _SHOWN} more").stylize("dim"))
        self.update(Content("\n").join(lines))
