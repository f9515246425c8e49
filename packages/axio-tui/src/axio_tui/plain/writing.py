"""`Writing`: from a text that was entered to the prompt that is sent, with what it names."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from itertools import pairwise

from axio.blocks import ContentBlock, ImageBlock, TextBlock
from axio.messages import Prompt
from axio_tui.chat.attached import drawn
from axio_tui.chat.composer import Pastes, Words
from axio_tui.chat.mentions import Agree, MentionRefused, attach
from axio_tui.chat.pictures import dropped_paths
from axio_tui.chat.sight import can_see, check_pictures, words_of_refusal
from axio_tui.equip import Equipment

__all__ = ("Writing",)


class Writing:
    """`tell` says in a line what becomes of a mention. `pastes` has the pictures of prompts that
    came back."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self.pastes = Pastes()

    async def prompt(self, words: Words, parts: Equipment, agree: Agree | None) -> Prompt | None:
        """The words with files and pictures; None if they are not to be sent, which was said."""
        text = words.text
        pictures = self.pastes.pictures_in(text).items()
        try:
            check_pictures(pictures, parts.agent.transport)
            blocks = await self._files(words, parts, agree)
        except MentionRefused as refused:
            self._tell(await words_of_refusal(refused, parts.models))
            return None
        blocks += drawn(pictures)
        return [TextBlock(text), *blocks] if blocks else text

    async def _files(
        self, words: Words, parts: Equipment, agree: Agree | None
    ) -> list[ContentBlock]:
        """The files that are mentioned and, if the model sees, pictures whose paths are there: a
        terminal writes the path of a file that is dropped on it."""
        sees = can_see(parts.agent.transport)
        names: Sequence[str] = words.mentions
        if sees:
            dropped = await asyncio.to_thread(lambda: [*dropped_paths(words.text)])
            names = list(dict.fromkeys([*names, *dropped]))
        files = await attach(names, can_see=sees, agree=agree)
        for note in files.notes:
            self._tell(note)
        for head, block in pairwise(files.blocks):
            if isinstance(head, TextBlock) and isinstance(block, ImageBlock):
                self._tell(head.text.strip())
        return files.blocks
