"""Screens that choose among what is handed over: each takes lists, and gives what was chosen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from axio.context import SessionInfo
from axio.models import ModelSpec
from axio_tui.app.screens.choice_list import ChoiceList, Row
from axio_tui.app.screens.pager import Pager
from axio_tui.app.screens.tool_detail import detail_of
from axio_tui.chat.offers import told
from axio_tui.how_many import how_many

__all__ = (
    "ModelSelectScreen",
    "SelectorSelectScreen",
    "SessionSelectScreen",
    "ToolDetailScreen",
)


class ModelSelectScreen(ChoiceList[tuple[str, ModelSpec] | None, tuple[str, ModelSpec]]):
    """Gives one of the pairs of a transport's name and a model; None for none."""

    title_words = "Models"
    key_words = "Enter takes the model, Esc closes"
    empty_words = "no model can be used: set a key, or start a model server"

    def __init__(self, models: Sequence[tuple[str, ModelSpec]]) -> None:
        super().__init__()
        self.rows = [
            Row(f"{name}:{spec.id}", (name, spec), ", ".join(told(spec, False)))
            for name, spec in models
        ]


class SessionSelectScreen(ChoiceList[SessionInfo | None, SessionInfo]):
    """Gives one of the conversations; None for none."""

    title_words = "Conversations"
    key_words = "Enter goes on with it, Esc closes"
    empty_words = "no conversations"

    def __init__(self, sessions: Sequence[SessionInfo]) -> None:
        super().__init__()
        self.rows = [
            Row(
                info.preview,
                info,
                f"{how_many(info.message_count, 'message')}, {info.created_at[:16]}",
            )
            for info in sessions
        ]


class SelectorSelectScreen(ChoiceList[str | None, str]):
    """Gives the name of a selector, "" for the row that takes none; None for no change.

    `selectors` are classes by name, which may have a `label` and a `description`.
    """

    title_words = "Who chooses the tools that a model is shown"
    key_words = "Enter chooses, Esc closes"

    def __init__(self, selectors: Mapping[str, Any] | Iterable[str], active: str = "") -> None:
        super().__init__()
        kinds = selectors if isinstance(selectors, Mapping) else dict.fromkeys(selectors)
        rows = [("", "all tools are shown", "")]
        for name, kind in kinds.items():
            label = str(getattr(kind, "label", "") or name)
            rows.append((name, label, str(getattr(kind, "description", "") or "")))
        self.rows = [
            Row(f"{'*' if name == (active or '') else ' '} {label}", name, more)
            for name, label, more in rows
        ]


class ToolDetailScreen(Pager):
    """One call of a tool, whole."""

    def __init__(
        self, name: str, input: Mapping[str, Any], content: str, is_error: bool = False
    ) -> None:
        super().__init__(*detail_of(name, input, content, "failed" if is_error else "done"))
