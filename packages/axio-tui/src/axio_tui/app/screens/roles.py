"""The roles that models are for, and the screen that chooses one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import ClassVar

from axio_tui.app.screens.choice_list import ChoiceList, Row

__all__ = ("ModelRole", "ModelRoleSelectScreen")


class ModelRole(StrEnum):
    """Who uses a model; the value is the end of the key `model.<role>` that it is saved under.
    Nothing here has the role `REASONING`: it is a name for programs of before."""

    CHAT = "chat"
    COMPACT = "compact"
    SUBAGENT = "subagent"
    GUARD = "guard"
    VISION = "vision"
    REASONING = "reasoning"


class ModelRoleSelectScreen(ChoiceList[ModelRole | None, ModelRole]):
    """Gives a role; None for none. `models` are the names of those that roles have now."""

    title_words = "Whose model"
    key_words = "Enter chooses, Esc closes"
    told: ClassVar[Mapping[ModelRole, str]] = {
        ModelRole.CHAT: "the conversation",
        ModelRole.COMPACT: "summaries of it",
        ModelRole.SUBAGENT: "agents inside it",
        ModelRole.GUARD: "the review of calls",
        ModelRole.VISION: "looking at images",
    }

    def __init__(self, models: Mapping[str, str] | None = None) -> None:
        super().__init__()
        now = models or {}
        self.rows = [
            Row(role.value, role, ", ".join(filter(None, (words, now.get(role)))))
            for role, words in self.told.items()
        ]
