"""The kept conversations of the current folder, and the one that the options name."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from axio.context import ContextStore
from axio_tui.chat.library import Library, NoSuchSession, open_library
from axio_tui.chat.upkeep import retention_in
from axio_tui.errors import CommandError, WrongUse

__all__ = ("library_for", "store_for")

Say = Callable[[str], object]


def library_for(args: argparse.Namespace, say: Say) -> AbstractAsyncContextManager[Library]:
    """The library, while the block lasts; in memory with `--no-save`."""
    return open_library(say=say, keep=not args.no_save, retention=retention_in(args.config))


async def store_for(args: argparse.Namespace, library: Library, say: Say) -> ContextStore:
    """The store of the conversation that is wanted; a new one by default."""
    session_id = None
    if library.problem and (args.resume is not None or args.continue_):
        raise CommandError(library.problem)
    if args.resume is not None:
        try:
            session_id = (await library.find(args.resume)).session_id
        except NoSuchSession as error:
            raise WrongUse(str(error)) from error
    elif args.continue_:
        session_id = await library.last()
        if session_id is None:
            say("there is no conversation in this folder yet: this is the first")
    return await library.store(session_id)
