"""The parts of the status line for a session. Pure."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from axio.transport import model_of
from axio_tui.app.widgets.status import short_folder
from axio_tui.chat.meter import in_all, money

if TYPE_CHECKING:
    from axio_tui.chat.session import ChatSession

__all__ = ("Status", "status_words")

_MODES = {"ask": "ask", "plan": "PLAN", "accept-edits": "ACCEPT EDITS", "auto": "AUTO"}
_OFFLINE = "offline model"


class Status(NamedTuple):
    """The parts, the most important first, and classes for their colours."""

    parts: list[str]
    classes: str


def status_words(session: ChatSession, title: str, sandbox: str = "none") -> Status:
    mode = "" if session.permissions is None else session.permissions.mode
    model = model_of(session.agent.transport)
    window = session.meter.window(model)
    share = window.share
    filled = "" if share is None else f"context {share:.0%} of {_short(window.size or 0)}"
    if window.level != "fine":
        filled += f" {window.level.upper()}"
    spent = in_all(session.meter.spent)
    tokens = spent.usage.input_tokens + spent.usage.output_tokens
    cost = "price unknown" if spent.cost is None else money(spent.cost)
    is_offline = title == _OFFLINE
    parts = [
        _MODES.get(mode, ""),
        "" if sandbox == "none" else f"sandbox {sandbox}",
        _OFFLINE if is_offline else (model.id if model else title),
        "/connect takes another" if is_offline and not session.conversation.entries else "",
        filled,
        f"{_short(tokens)} tokens" if tokens else "",
        cost if tokens and not is_offline else "",
        short_folder(os.getcwd()),
    ]
    return Status(parts, " ".join(f"-{word}" for word in (mode, window.level) if word))


def _short(number: int) -> str:
    """A number in few signs."""
    if number < 1_000:
        return str(number)
    if number < 1_000_000:
        return f"{number / 1_000:.3g}k"
    return f"{number / 1_000_000:.3g}M"
