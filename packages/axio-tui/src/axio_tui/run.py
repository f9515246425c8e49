"""`axio run`: a prompt in, a model's work and answer out."""

from __future__ import annotations

import argparse
import asyncio
import sys
from functools import partial

from axio_tui.chat.session import ChatSession
from axio_tui.equip import Say, equipped
from axio_tui.errors import WrongUse
from axio_tui.plain.form import answer_of, is_approved
from axio_tui.plain.front import Chat
from axio_tui.plain.terminal import Output, Person, where_to_ask
from axio_tui.server_tools import NOBODY, ServersAsk
from axio_tui.stopping import Stopped, run_stoppable

__all__ = ("run",)


def run(args: argparse.Namespace, say: Say) -> int:
    """The exit code of `axio run`.

    Raises `CommandError` for what is wrong, `Stopped` after a signal and `OutputClosed`.
    """
    prompt = _prompt_of(args.prompt)
    runner = asyncio.Runner()
    try:
        return run_stoppable(runner, _run(args, prompt, say))
    finally:
        # Closing the runner waits for worker threads, and those cannot be stopped.
        if not isinstance(sys.exception(), Stopped):
            runner.close()


async def _run(args: argparse.Namespace, prompt: str | None, say: Say) -> int:
    where = where_to_ask(json=args.json)
    person = Person(where)
    servers = NOBODY
    if where is not None:
        servers = ServersAsk(partial(answer_of, person, say), partial(is_approved, person))
    async with equipped(args, person.ask, say, keeps=where is not None, servers=servers) as parts:
        session = ChatSession(parts.agent, permissions=parts.permissions)
        session.meter.free = parts.models.free
        chat = Chat(session, parts.models.choice, args, person, Output(sys.stdout), say)
        return await (chat.converse() if prompt is None else chat.answer(prompt))


def _prompt_of(argument: str | None) -> str | None:
    """The prompt, from stdin for "-"; None to ask for it on the terminal."""
    if argument is None:
        if sys.stdin.isatty():
            return None
        raise WrongUse('no prompt: axio run "PROMPT", or - to read it from stdin')
    try:
        if argument == "-":
            prompt = sys.stdin.buffer.read().decode("utf-8-sig")
        else:
            argument.encode("utf-8")  # bytes that were no UTF-8 have become lone surrogates
            prompt = argument
    except UnicodeError as error:
        raise WrongUse("the prompt is not UTF-8") from error
    if not prompt.strip():
        raise WrongUse("the prompt is empty")
    return prompt
