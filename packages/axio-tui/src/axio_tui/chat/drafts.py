"""The text that is being typed, and the pictures in it, on the shelf of a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from axio.blocks import ImageBlock, from_dict, to_dict

if TYPE_CHECKING:
    from axio_tui.chat.shelf import Shelf

__all__ = ("Draft",)

_TEXT, _PICTURE = "draft", "draft picture"


class Draft:
    """A picture is written once, however often the text changes."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf = shelf
        self._ids: dict[str, int] = {}
        self.pictures: dict[str, ImageBlock] = {}
        """By their placeholders in the text."""

    async def load(self) -> str:
        """The text; `pictures` are known then."""
        self._ids, self.pictures = {}, {}
        for item in await self._shelf.items(_PICTURE):
            placeholder, block = str(item.data["placeholder"]), from_dict(item.data["block"])
            self._ids[placeholder] = item.id
            if isinstance(block, ImageBlock):
                self.pictures[placeholder] = block
        items = await self._shelf.items(_TEXT)
        return "".join(str(item.data.get("text", "")) for item in items)

    async def keep(self, text: str, pictures: Mapping[str, ImageBlock]) -> None:
        """Keep the text; an empty one forgets it. The pictures are all that are in it."""
        gone = [name for name in self._ids if name not in pictures]
        await self._shelf.remove(*[self._ids.pop(name) for name in gone])
        for name, block in pictures.items():
            if name not in self._ids:
                data = {"placeholder": name, "block": to_dict(block)}
                self._ids[name] = await self._shelf.add(_PICTURE, data)
        self.pictures = dict(pictures)
        await self._shelf.put(_TEXT, {"text": text} if text else None)
