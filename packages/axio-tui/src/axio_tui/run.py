"""`axio run`: a prompt in, a model's work and answer out."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from axio.agent import Agent
from axio.events import Error, SessionEndEvent, StreamEvent
from axio.exceptions import StreamError
from axio.permission import PermissionGuard
from axio.plugins import GUARDS_GROUP, TOOLS_GROUP, Installed, PluginError
from axio.tool import Tool
from axio.transport import model_of
from axio.types import StopReason
from axio_tui.chat.installed import OWN_GUARDS, installed_guards
from axio_tui.chat.permissions import Permissions
from axio_tui.chat.session import ChatSession
from axio_tui.choose import OFFLINE, Choice, available, choose, choose_named
from axio_tui.config.paths import data_folder, own_folder
from axio_tui.connect import connect, known_models, listed, reach_loopback_directly
from axio_tui.errors import CommandError, WrongUse, explain, traceback_of
from axio_tui.harmless import visible
from axio_tui.jsonlines import to_line
from axio_tui.permissions import decisions_file
from axio_tui.place import place_of, placed
from axio_tui.prompt import GUARD_SYSTEM_PROMPT, build_system_prompt
from axio_tui.render import Renderer
from axio_tui.server_tools import server_tools
from axio_tui.session import make_agent
from axio_tui.stopping import Stopped, run_stoppable
from axio_tui.terminal import Output, Person, modes_restored, style_for, type_line, where_to_ask
from axio_tui_guards import Decisions

__all__ = ("run",)

# They act on an application around the conversation, which this command is not.
NEED_A_HOST = frozenset({"status_line", "confirm", "subagent", "vision"})
# Seconds without any event after which a person is told what the command is doing.
SILENCE = 3.0

Say: TypeAlias = Callable[[str], None]
"""Prints a notice as one line on stderr."""


def run(args: argparse.Namespace, say: Say) -> int:
    """The exit code of `axio run`.

    Raises `CommandError` for what is wrong, `Stopped` after a signal and `OutputClosed`.
    """
    prompt = _prompt_of(args.prompt)
    if args.model is not None and not args.model.strip():
        raise WrongUse("the name of the model is empty")
    parts = Installed(say)
    tools = _tools_of(args.tools, parts, say)
    reach_loopback_directly()
    runner = asyncio.Runner()
    try:
        return run_stoppable(runner, _run(args, prompt, parts, tools, say))
    finally:
        # Closing the runner waits for worker threads, and those cannot be stopped.
        if not isinstance(sys.exception(), Stopped):
            runner.close()


async def _run(
    args: argparse.Namespace,
    prompt: str | None,
    parts: Installed,
    tools: list[Tool[Any]],
    say: Say,
) -> int:
    named = args.transport
    choice = await (choose(os.environ, parts) if named is None else choose_named(named, parts))
    async with (
        place_of(args.sandbox) as place,
        server_tools(_server_tools_in(args.tools, parts), args.trust, say) as more,
        connect(choice, args.model, parts) as transport,
    ):
        if named is None:
            say(_what_was_chosen(choice, transport, parts))
        where = where_to_ask(json=args.json)
        person = Person(where)
        permissions = Permissions(
            person.ask,
            root=os.getcwd(),
            mode=args.mode,
            yes=args.yes,
            decisions=_decisions(where),
            guards=_guards_of(args.guards, parts).values(),
            reviewer=Agent(GUARD_SYSTEM_PROMPT, transport),
        )
        agent = make_agent(
            transport,
            [],
            system=args.system
            if args.system is not None
            else build_system_prompt() + more.instructions,
            max_iterations=args.max_iterations,
        )

        def equip() -> None:
            agent.tools = permissions.guarded(placed([*tools, *more.tools], place, say))
            agent.selector = more.selector

        equip()
        more.on_change = equip
        chat = _Chat(
            ChatSession(agent, permissions=permissions),
            choice,
            args,
            person,
            Output(sys.stdout),
            say,
        )
        return await (chat.converse() if prompt is None else chat.answer(prompt))


def _what_was_chosen(choice: Choice, transport: object, parts: Installed) -> str:
    others = ", ".join(name for name in available(parts) if name != choice.name)
    model = model_of(transport)
    which = "" if model is None else f", model {model.id}"
    return f"using {choice.title}{which} ({choice.reason}); --transport takes another: {others}"


@dataclass(slots=True)
class _Chat:
    """A session on the screen: shows each run and says how it ended."""

    session: ChatSession
    choice: Choice
    args: argparse.Namespace
    person: Person
    output: Output
    say: Say

    async def converse(self) -> int:
        """Answer what is typed on the terminal, one prompt after the other, until end of input."""
        warming = asyncio.create_task(self._warm())
        try:
            with modes_restored(sys.stdin):
                while (prompt := await _typed(self.args, self.say)) is not None:
                    await self.answer(prompt)
        finally:
            warming.cancel()
        return 0

    async def _warm(self) -> None:
        """Let a transport that can do so get ready while the person types."""
        agent = self.session.agent
        warm = getattr(agent.transport, "warm", None)
        if inspect.iscoroutinefunction(warm):
            with suppress(Exception):  # what is wrong will be said when it is asked something
                await warm(agent.tools)

    async def answer(self, prompt: str) -> int:
        """Run `prompt`, printing its events as they come; the exit code that it deserves."""
        renderer = Renderer(style_for(sys.stdout))
        transport = self.session.agent.transport

        def show(event: StreamEvent) -> str:
            return to_line(event, transport) if self.args.json else renderer.feed(event)

        failure: BaseException | None = None
        end: SessionEndEvent | None = None
        waiting = asyncio.get_running_loop().call_later(SILENCE, self._say_that_it_waits)
        stream = self.session.send(prompt)
        try:
            async for event in stream:
                waiting.cancel()
                async with self.person.busy:
                    self.output.write(show(event))
                if isinstance(event, Error):
                    failure = event.exception
                elif isinstance(event, SessionEndEvent):
                    end = event
        finally:
            waiting.cancel()
            await stream.aclose()
            if not self.args.json:
                self.output.write(renderer.close())
        if failure is not None:
            await self._report(failure, end)
        elif end is None or end.stop_reason is StopReason.error:
            self.say(f"error: {self._why(end)}")
        else:
            return 0
        return 1

    def _say_that_it_waits(self) -> None:
        is_offline = self.choice.name == OFFLINE
        if is_offline or sys.stderr.isatty():
            first = " (its first answer with new tools takes about 8 s of one core)"
            self.say(f"waiting for {self.choice.title}{first * is_offline}")

    async def _report(self, failure: BaseException, end: SessionEndEvent | None) -> None:
        """One line for what went wrong; with --debug the traceback above it."""
        if self.args.debug:
            sys.stderr.write(traceback_of(failure))
        transport = self.session.agent.transport
        text = explain(failure, transport)
        if end is not None and end.reason == "max_tokens":
            text = "the answer is cut: the model has reached its limit of output tokens"
        model = model_of(transport)
        refused = isinstance(failure, StreamError) and failure.status in (400, 404)
        if refused and model is not None:
            known = await known_models(self.choice, transport)
            if known and model.id not in known:
                text += f"; no model {visible(model.id)!r} there, only {listed(known, model.id)}"
        self.say(f"error: {text}")

    def _why(self, end: SessionEndEvent | None) -> str:
        reason = end.reason if end else ""
        if reason == "max_iterations":
            return (
                f"stopped after {self.args.max_iterations} requests to the model without an "
                "answer; --max-iterations allows more"
            )
        return f"the run ended without an answer ({reason or 'no reason given'})"


# ── what the command line asks for ────────────────────────────────────────────────────────────


def _tools_of(names: str | None, parts: Installed, say: Say) -> list[Tool[Any]]:
    """The tools that were named, or all; only these are imported."""
    offered = parts.names(TOOLS_GROUP)
    if names is None:
        return _all_tools([name for name in offered if name not in NEED_A_HOST], parts, say)
    of_servers = _server_tools_in(names, parts) or ()
    wanted = [name for name in _names_in(names) if name not in of_servers]
    if wanted == ["none"]:
        return []
    unknown = [visible(name) for name in wanted if name not in offered]
    if unknown:
        there_is = ", ".join(offered) or "none is installed"
        raise WrongUse(f"no tool {', '.join(map(repr, unknown))}; there is: {there_is}")
    try:
        return [parts.load_tool(name) for name in wanted]
    except PluginError as error:
        raise CommandError(str(error)) from error


def _server_tools_in(names: str | None, parts: Installed) -> list[str] | None:
    """The names, or patterns, of tools of MCP servers; None for all of them."""
    if names is None:
        return None
    offered = parts.names(TOOLS_GROUP)
    return [name for name in _names_in(names) if "__" in name and name not in offered]


def _names_in(names: str) -> list[str]:
    return list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))


def _all_tools(names: list[str], parts: Installed, say: Say) -> list[Tool[Any]]:
    tools = []
    for name in names:
        try:
            tools.append(parts.load_tool(name))
        except PluginError as error:
            say(f"leaving out a tool: {error}")
    return tools


def _guards_of(names: str | None, parts: Installed) -> dict[str, PermissionGuard]:
    """The installed guards that were named, or all."""
    if names is None:
        return installed_guards(parts)
    wanted = _listed(names)
    offered = parts.names(GUARDS_GROUP)
    if unknown := [visible(name) for name in wanted if name not in offered]:
        there_is = ", ".join(offered) or "none is installed"
        raise WrongUse(f"no guard {', '.join(map(repr, unknown))}; there is: {there_is}")
    return installed_guards(parts, [name for name in wanted if name not in OWN_GUARDS])


def _decisions(where: object) -> Decisions:
    """The decisions of the person in this project; kept only if they can be asked here."""
    try:
        if where is not None:
            own_folder(data_folder())
        return Decisions(decisions_file())
    except OSError:  # a home that may not be written: it holds for this session
        return Decisions()
    except ValueError as error:
        raise CommandError(str(error)) from error


def _listed(names: str) -> list[str]:
    """Names separated by commas, each once; none of them for "none"."""
    wanted = list(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    return [] if wanted == ["none"] else wanted


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


async def _typed(args: argparse.Namespace, say: Say) -> str | None:
    """The next prompt that is not empty, typed on the terminal; None at end of input.

    Reading is done in a thread, so that this can be cancelled at once and the event loop goes on.
    """
    shown = sys.stdout.isatty() and not args.json
    while True:
        try:
            prompt = await asyncio.to_thread(type_line, shown)
            prompt.encode("utf-8")
        except (EOFError, asyncio.CancelledError) as end:
            print(file=sys.stderr)
            if isinstance(end, EOFError):
                return None
            raise
        except UnicodeError:
            say("the prompt is not UTF-8")
            continue
        if prompt.strip():
            return prompt
