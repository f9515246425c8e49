"""A session on a terminal, in lines: each run is shown as it goes, and said how it ended."""

from __future__ import annotations

import argparse
import asyncio
import inspect
import sys
from contextlib import suppress
from dataclasses import dataclass

from axio.events import Error, SessionEndEvent, StreamEvent
from axio.exceptions import StreamError
from axio.transport import model_of
from axio.types import StopReason
from axio_tui.chat.session import ChatSession
from axio_tui.choose import OFFLINE, Choice
from axio_tui.connect import known_models, listed
from axio_tui.equip import Say
from axio_tui.errors import explain, traceback_of
from axio_tui.harmless import visible
from axio_tui.plain.jsonlines import to_line
from axio_tui.plain.render import Renderer
from axio_tui.plain.terminal import Output, Person, modes_restored, style_for, type_line

__all__ = ("Chat",)

# Seconds without any event after which a person is told what the command is doing.
SILENCE = 3.0


@dataclass(slots=True)
class Chat:
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
