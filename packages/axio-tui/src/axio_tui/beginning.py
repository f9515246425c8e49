"""The model that a conversation begins with. Bare `axio` begins without one, too: `/connect` takes
one, and it is no reason to stay away that the one of before cannot be had."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from axio.plugins import Installed
from axio.transport import CompletionTransport
from axio_tui.chat.models import Models
from axio_tui.choose import NOTHING, Choice, choose, choose_named
from axio_tui.config.secrets import Secrets
from axio_tui.errors import CommandError

__all__ = ("Beginning",)


class Beginning:
    """`say` is told why a model cannot be had that was saved, or any at all."""

    def __init__(
        self,
        args: argparse.Namespace,
        parts: Installed,
        secrets: Secrets,
        say: Callable[[str], object],
    ) -> None:
        self.model: str | None = args.model
        """The one of the choice; None for the transport's own."""
        self._named = args.transport
        self._is_bare = args.command is None
        self._is_saved = args.config.values["transport"].source == "database"
        self._parts = parts
        self._secrets = secrets
        self._say = say

    async def choice(self) -> Choice:
        """The one that was named or saved, else the first that can be used."""
        if self._named is None:
            return await self._any()
        try:
            return await choose_named(self._named, self._parts)
        except CommandError as error:
            return await self._instead(error)

    async def transport(self, models: Models) -> CompletionTransport:
        """That of the conversation, opened; `models` know if it is another than the choice."""
        try:
            return await models.of("chat")
        except CommandError as error:
            models.begin_with(await self._instead(error))
            return await models.of("chat")

    async def _instead(self, error: CommandError) -> Choice:
        if not (self._is_bare and self._is_saved):
            raise error
        self._say(f"{error}; /connect takes another")
        self._named = self.model = None
        return await self._any()

    async def _any(self) -> Choice:
        try:
            return await choose(os.environ, self._parts, kept=self._secrets.sources())
        except CommandError as error:
            if not self._is_bare:
                raise
            self._say(str(error))
            return NOTHING
