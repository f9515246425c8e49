"""From the options of the command to all that the application works with, while it is open."""

from __future__ import annotations

import argparse
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from axio.context import ContextStore
from axio_tui.chat.permissions import Ask
from axio_tui.chat.session import ChatSession

if TYPE_CHECKING:
    from axio_tools_local.workspace import Workspace
    from axio_tui.chat.library import Library

__all__ = ("Open", "Opened", "opening")


@dataclass(frozen=True, slots=True)
class Opened:
    """`first` is the conversation to begin with, open already; `make` makes others. `title` names
    where the model is, `library` what is kept of the project."""

    first: ChatSession
    make: Callable[[ContextStore | None], ChatSession]
    workspace: Workspace
    title: str
    library: Library | None = None


Open: TypeAlias = Callable[[Ask, Callable[[str], object]], AbstractAsyncContextManager[Opened]]
"""Given the way to ask the person, and a way to tell them something in a line."""


def opening(args: argparse.Namespace) -> Open:
    """All that the options name. Nothing is imported for it before it is opened: the first frame is
    on the screen by then."""

    @asynccontextmanager
    async def opened(ask: Ask, say: Callable[[str], object]) -> AsyncIterator[Opened]:
        from axio_tools_local.local import LocalWorkspace
        from axio_tui.chat.library import open_library
        from axio_tui.choose import OFFLINE
        from axio_tui.equip import equipped
        from axio_tui.errors import explain

        async with (
            equipped(args, ask, lambda text: None, keeps=True) as parts,
            open_library(say=say) as library,
        ):
            transport = parts.agent.transport

            def make(store: ContextStore | None) -> ChatSession:
                return ChatSession(
                    parts.agent,
                    store,
                    explain=lambda error: explain(error, transport),
                    permissions=parts.permissions,
                )

            wanted = await _wanted(args, library)
            first = make(await library.store(wanted))
            await first.open()
            title = "offline model" if parts.choice.name == OFFLINE else parts.choice.title
            yield Opened(first, make, LocalWorkspace(os.getcwd()), title, library)

    return opened


async def _wanted(args: argparse.Namespace, library: Library) -> str | None:
    """The conversation that the options name; None for a new one."""
    if (name := getattr(args, "resume", None)) is not None:
        return (await library.find(name)).session_id
    return await library.last() if getattr(args, "continue_", False) else None
