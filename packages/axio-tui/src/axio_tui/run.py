"""`axio` and `axio run`: from the command line to a front end."""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial
from typing import TypeAlias

from axio.blocks import ImageBlock, TextBlock
from axio.types import JSONObject
from axio_tui.chat.attached import drawn
from axio_tui.equip import Equipment, Say, equipped
from axio_tui.errors import WrongUse
from axio_tui.given import pictures_in, prompt_of, schema_in
from axio_tui.kept import library_for, store_for
from axio_tui.limits import budget_of
from axio_tui.plain.form import answer_of, is_approved
from axio_tui.plain.keyboard import Keyboard
from axio_tui.plain.once import Once
from axio_tui.plain.person import Person, where_to_ask
from axio_tui.server_tools import NOBODY, ServersAsk
from axio_tui.stopping import Interrupts, Stopped, run_stoppable

__all__ = ("run",)

Pictures: TypeAlias = "list[tuple[str, ImageBlock]]"


def run(args: argparse.Namespace, say: Say, because: str = "") -> int:
    """The exit code. Without a prompt a conversation begins, in lines `because` of something.

    Raises `CommandError` for what is wrong, `Stopped` after a signal and `OutputClosed`.
    """
    schema = None if args.output_schema is None else schema_in(args.output_schema)
    pictures = pictures_in(args.images)
    prompt = prompt_of(args.prompt, literal=args.literal, say=say)
    if pictures and prompt is None:
        raise WrongUse("--image goes with a prompt: axio run --image FILE PROMPT")
    interrupts = Interrupts()
    if prompt is None and args.format == "text" and schema is None:
        job = _converse(args, because or "axio run without a prompt", interrupts, say)
    else:
        job = _answer(args, prompt, schema, say, pictures)
    runner = asyncio.Runner()
    try:
        return run_stoppable(runner, job, interrupts)
    finally:
        # Closing the runner waits for worker threads, and those cannot be stopped.
        if not isinstance(sys.exception(), Stopped):
            runner.close()


async def _converse(
    args: argparse.Namespace, because: str, interrupts: Interrupts, say: Say
) -> int:
    from axio_tui.plain.front import Front  # A single prompt needs none of it.

    front = Front(args, because, interrupts)
    servers = _servers_ask(front.person, say)
    patience = args.config["servers_wait"]
    async with (
        equipped(
            args, front.person.ask, say, keeps=True, servers=servers, patience=patience
        ) as parts,
        library_for(args, say) as library,
    ):
        session = parts.session(await store_for(args, library, say))
        return await front.converse(parts, library, session)


async def _answer(
    args: argparse.Namespace,
    prompt: str | None,
    schema: JSONObject | None,
    say: Say,
    pictures: Pictures,
) -> int:
    """Answer one prompt or, without, one after the other that is typed."""
    where = where_to_ask(json=args.format != "text")
    keyboard = None if where is None else Keyboard()
    person = Person(
        where, keyboard, lambda line: say(f"typed before the question, not used: {line}")
    )
    servers = NOBODY if where is None else _servers_ask(person, say)
    async with (
        equipped(args, person.ask, say, keeps=where is not None, servers=servers) as parts,
        library_for(args, say) as library,
    ):
        await _check(pictures, parts)
        session = parts.session(await store_for(args, library, say))
        await session.open()
        try:
            once = Once(args, parts, session, person, say, schema)
            if prompt is not None:
                return await once.answer([TextBlock(prompt), *drawn(pictures)], budget_of(args))
            assert keyboard is not None
            with keyboard.modes_restored():
                while (prompt := await _typed(keyboard, say)) is not None:
                    await once.answer(prompt, budget_of(args))
            return 0
        finally:
            await session.close()


async def _check(pictures: Pictures, parts: Equipment) -> None:
    """`WrongUse` if the model would not be shown one of them."""
    if not pictures:
        return
    from axio_tui.chat.mentions import MentionRefused  # Few prompts have any.
    from axio_tui.chat.sight import check_pictures, words_of_refusal

    try:
        check_pictures(pictures, parts.agent.transport)
    except MentionRefused as error:
        words = await words_of_refusal(error, parts.models, "--model NAME")
        raise WrongUse(words) from error


async def _typed(keyboard: Keyboard, say: Say) -> str | None:
    """The next prompt that is not empty, typed on the terminal; None at end of input."""
    while True:
        try:
            prompt = await keyboard.line("> ", lambda line: [])
            if prompt is None:
                print(file=sys.stderr)
                return None
            prompt.encode()
        except UnicodeError:
            say("the prompt is not UTF-8")
            continue
        if prompt.strip():
            return prompt


def _servers_ask(person: Person, say: Say) -> ServersAsk:
    """The questions of MCP servers, put to the person."""
    return ServersAsk(partial(answer_of, person, say), partial(is_approved, person))
