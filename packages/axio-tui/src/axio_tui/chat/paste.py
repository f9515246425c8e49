"""`/paste`: the image of the clipboard, into the line that is written."""

from __future__ import annotations

from axio.blocks import TextBlock
from axio.messages import Message
from axio_tui.chat.commands import CommandFailed, Edit, Host, Outcome, SlashCommand

__all__ = ("PASTE",)


async def _paste(host: Host, arguments: str) -> Outcome:
    from axio_tui.chat.attached import drawn
    from axio_tui.chat.clipboard import clipboard_image
    from axio_tui.chat.pictures import NoPicture, picture_in

    data = await clipboard_image()
    if data is None:
        raise CommandFailed("the clipboard has no image that could be had here; @ names a file")
    try:
        picture = picture_in(data, "clipboard")
    except NoPicture as error:
        raise CommandFailed(str(error)) from error
    placeholder = f"[image 1: {picture.told}]"
    content = [TextBlock(placeholder), *drawn([(placeholder, picture.block)])]
    return Edit(f"{placeholder} ", "It goes with what you write now.", Message("user", content))


PASTE = SlashCommand(
    "paste", "", "the image of the clipboard, for your next prompt", _paste, any_time=True
)
