"""`Recall`: the prompts of the past in the line editor, the same as in the full screen."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress

from axio_tui.chat.prompt_history import PromptHistory
from axio_tui.config.paths import data_folder

__all__ = ("Recall",)


class Recall:
    """Prompts of one line are offered by Up; all are kept, unless `keeps` is false."""

    def __init__(self, *, keeps: bool) -> None:
        self._keeps = keeps
        self._history = PromptHistory(data_folder() / "prompts", os.getcwd())

    async def begin(self) -> None:
        """Offer the prompts that are kept."""
        for prompt in await asyncio.to_thread(self._history.read):
            _offer(prompt)

    async def add(self, prompt: str) -> None:
        """Offer a prompt that was entered, and keep it."""
        _offer(prompt)
        if self._keeps:
            with suppress(OSError):  # a disk that is full costs no prompt
                await asyncio.to_thread(self._history.add, prompt)


def _offer(prompt: str) -> None:
    if sys.stdout.isatty() and prompt.strip() and prompt.isprintable():
        with suppress(ImportError):
            import readline

            readline.set_auto_history(False)  # an answer to a question is no prompt
            readline.add_history(prompt)
