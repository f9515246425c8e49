"""`/sandbox`: where the tools work, told and changed between two prompts."""

from __future__ import annotations

from collections.abc import Iterable

from axio_tui.chat.commands import Host, Option, Outcome, Pick, SlashCommand
from axio_tui.place import PLACES

__all__ = ("SANDBOX",)


async def _sandbox(host: Host, arguments: str) -> Outcome:
    place = host.place
    if not arguments:
        known = dict(PLACES)
        if place.sandbox not in known:
            known[place.sandbox] = "a container of this image"
        options = [
            Option(f"{name}{' (now)' * (name == place.sandbox)}: {what}", f"/sandbox {name}")
            for name, what in known.items()
        ]
        return Pick("Where tools work", options, "/sandbox N or PLACE")
    if arguments == place.sandbox:
        return f"The tools work there already: {arguments}."
    await place.change(arguments)
    return f"The tools work in another place from now on: {_named(arguments)}."


def _named(sandbox: str) -> str:
    what = PLACES.get(sandbox) or "a container of this image, which sees this folder"
    return f"{sandbox}, where {what}" if sandbox in PLACES else f"{sandbox}, {what}"


async def _names(host: Host) -> Iterable[str]:
    return PLACES


SANDBOX = SlashCommand(
    "sandbox", "[PLACE]", f"where tools work: {', '.join(PLACES)}", _sandbox, _names
)
