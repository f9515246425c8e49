"""The models that can be used, with context and price, for each role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, get_args

from textual.binding import Binding, BindingType

from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.chat.models import Role
from axio_tui.chat.offers import Offer

__all__ = ("ModelsScreen",)

_ROLES: tuple[Role, ...] = get_args(Role)
_TOLD: dict[Role, str] = {
    "chat": "the conversation",
    "compaction": "summaries of it",
    "subagent": "agents inside it",
    "guard": 'the review of calls in the mode "auto"',
    "vision": "looking at images",
}


class ModelsScreen(ChoiceList[tuple[Role, str] | None, Offer]):
    """Gives a role and the name of the model that it is to have."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "role(1)", "the next role", show=False),
        Binding("shift+tab", "role(-1)", "the role before", show=False),
    ]
    key_words = "Enter takes the model, Tab changes the role, Esc closes"
    empty_words = "no model can be used: set a key, or start a model server"

    def __init__(self, offers: Callable[[], Awaitable[Sequence[Offer]]], current: str) -> None:
        super().__init__()
        self._offers = offers
        self._current = current
        self._role: Role = "chat"
        self.title_words = self._words()
        self.empty_words = "looking for models"

    def _words(self) -> str:
        now = f", now {self._current}" if self._role == "chat" and self._current else ""
        return f"Model for {_TOLD[self._role]}{now}"

    def on_mount(self) -> None:
        self.run_worker(self._find())

    async def _find(self) -> None:
        found = await self._offers()
        self.empty_words = type(self).empty_words
        self.fill([_row(offer) for offer in found])

    def action_role(self, by: int) -> None:
        self._role = _ROLES[(_ROLES.index(self._role) + by) % len(_ROLES)]
        self.tell_title(self._words())

    def chosen(self, thing: Offer) -> None:
        self.dismiss((self._role, thing.name))


def _row(offer: Offer) -> Row[Offer]:
    name, _, more = str(offer).partition(", ")
    return Row(name, offer, more)
