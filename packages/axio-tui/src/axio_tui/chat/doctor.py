"""`/doctor`: the report of `axio doctor`, in a conversation."""

from __future__ import annotations

import asyncio
import shutil
from functools import partial

from axio_tui.chat.commands import CommandFailed, Host, Outcome, SlashCommand

__all__ = ("DOCTOR",)

_FRAME = 12  # columns around a text on a screen of its own


async def _doctor(host: Host, arguments: str) -> Outcome:
    """The terminal is not asked: the front end reads from it."""
    if arguments not in ("", "online"):
        raise CommandFailed("/doctor looks at what is here, /doctor online asks the model as well")
    from axio_tui.doctor.checks import diagnosis
    from axio_tui.doctor.report import to_text

    findings = await asyncio.to_thread(partial(diagnosis, online=arguments == "online"))
    return to_text(findings, shutil.get_terminal_size().columns - _FRAME)


DOCTOR = SlashCommand(
    "doctor",
    "[online]",
    "what works here, what does not, and what to do",
    _doctor,
    any_time=True,
)
