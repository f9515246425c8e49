"""The decisions that hold here: what is allowed and refused, for how long; d takes one back."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

from textual.binding import Binding, BindingType

from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.chat.permissions import Permissions
from axio_tui_guards import Decision

__all__ = ("PermissionsScreen",)


class PermissionsScreen(ChoiceList[None, Decision]):
    """Lists the decisions of a session and its project."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "revoke", "take the decision back", show=False),
    ]
    has_search = False
    title_words = "Decided here for more than one call"
    key_words = "d takes a decision back, from the next call on; Esc closes"
    empty_words = "nothing: what may change something is asked about"

    def __init__(self, permissions: Permissions, session_id: str) -> None:
        super().__init__()
        self._permissions = permissions
        self._session_id = session_id

    def on_mount(self) -> None:
        self._list()

    def _list(self) -> None:
        found = self._permissions.decided_in(self._session_id)
        self.fill([Row(_told(decision), decision) for decision in found])

    def chosen(self, thing: Decision) -> None:
        self.tell_keys(self.key_words)

    def action_revoke(self) -> None:
        if self.thing is not None:
            self._permissions.decisions.revoke(self.thing.id)
            self._list()


def _told(decision: Decision) -> str:
    """All that it says, with its times as people write them."""
    told = decision.explain()
    for word, moment in (("until", decision.until), ("since", decision.created)):
        if moment:
            told = told.replace(f", {word} {moment}", f", {word} {_minute(moment)}")
    return told


def _minute(moment: str) -> str:
    try:
        return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return moment
