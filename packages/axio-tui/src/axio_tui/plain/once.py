"""One prompt and its answer, for scripts and for a person who wants no more."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from contextlib import AbstractContextManager, aclosing, nullcontext, redirect_stdout
from dataclasses import asdict, dataclass, field
from typing import Protocol

from axio.budget import Budget
from axio.events import Error, SessionEndEvent, StreamEvent, TextDelta, ToolUseStart
from axio.exceptions import LimitReached, OutputError
from axio.messages import Prompt
from axio.types import JSONObject, StopReason
from axio_tui.chat.session import ChatSession
from axio_tui.choose import OFFLINE
from axio_tui.equip import Equipment, Say
from axio_tui.errors import traceback_of
from axio_tui.plain.failing import hint_for
from axio_tui.plain.jsonlines import to_line
from axio_tui.plain.output import Output
from axio_tui.plain.person import Person
from axio_tui.plain.render import Renderer
from axio_tui.plain.style import style_for

__all__ = ("Once",)

# Seconds without any event after which a person is told what the command is doing.
SILENCE = 3.0


@dataclass(slots=True)
class Once:
    """Runs a prompt in a session, prints what comes of it, and says how it ended."""

    args: argparse.Namespace
    parts: Equipment
    session: ChatSession
    person: Person
    say: Say
    schema: JSONObject | None = None
    output: Output = field(default_factory=lambda: Output(sys.stdout))
    value: object = None
    """The answer that fits the schema."""

    async def answer(self, prompt: Prompt, budget: Budget | None = None) -> int:
        """The exit code that the run deserves. Its events are printed as they come."""
        printer = _printer(self)
        failure: BaseException | None = None
        end: SessionEndEvent | None = None
        waiting = asyncio.get_running_loop().call_later(SILENCE, self._say_that_it_waits)
        try:
            with self._apart():
                sent = self.session.send(prompt, budget=budget, output=self.schema)
                async with aclosing(sent) as stream:
                    async for event in stream:
                        waiting.cancel()
                        async with self.person.busy:
                            self.output.write(printer.feed(event))
                        if isinstance(event, Error):
                            failure = event.exception
                        elif isinstance(event, SessionEndEvent):
                            end = event
            if self.schema is not None and failure is None:
                self.value = await self.session.answer()
        except OutputError as error:
            failure = error
        finally:
            waiting.cancel()
            self.output.write(printer.close())
        return await self._end(failure, end)

    def _apart(self) -> AbstractContextManager[object]:
        """Prints of tools go to stderr where the output is for programs."""
        return nullcontext() if self.args.format == "text" else redirect_stdout(sys.stderr)

    async def _end(self, failure: BaseException | None, end: SessionEndEvent | None) -> int:
        """Say in one line what went wrong, if something did; with --debug its traceback above."""
        if failure is None and end is not None and end.stop_reason is not StopReason.error:
            return 0
        if failure is None:
            self.say(f"error: {self._why(end)}")
            return 3 if end is not None and end.reason == "max_iterations" else 1
        if self.args.debug:
            sys.stderr.write(traceback_of(failure))
        text = self.parts.explain(failure)
        if end is not None and end.reason == "max_tokens":
            text = "the answer is cut: the model has reached its limit of output tokens"
        hint = await hint_for(failure, self.parts)
        self.say(f"error: {text}{f'; {hint}' if hint else ''}")
        return 3 if isinstance(failure, LimitReached) else 1

    def _say_that_it_waits(self) -> None:
        is_offline = self.parts.choice.name == OFFLINE
        if is_offline or sys.stderr.isatty():
            first = " (its first answer with new tools takes about 8 s of one core)"
            self.say(f"waiting for {self.parts.choice.title}{first * is_offline}")

    def _why(self, end: SessionEndEvent | None) -> str:
        reason = end.reason if end else ""
        if reason == "max_iterations":
            return (
                f"stopped after {self.args.max_iterations} requests to the model without an "
                "answer; --max-iterations allows more"
            )
        return f"the run ended without an answer ({reason or 'no reason given'})"


class _Printer(Protocol):
    """From events to what is printed."""

    def feed(self, event: StreamEvent) -> str: ...
    def close(self) -> str: ...


class _Text:
    """The events, for a person."""

    def __init__(self, once: Once) -> None:
        person = once.person
        self._renderer = Renderer(
            style_for(sys.stdout), clock=lambda: time.monotonic() - person.waited
        )

    def feed(self, event: StreamEvent) -> str:
        return self._renderer.feed(event)

    def close(self) -> str:
        return self._renderer.close()


class _Value:
    """Nothing but the answer that fits the schema, as JSON."""

    def __init__(self, once: Once) -> None:
        self._once = once

    def feed(self, event: StreamEvent) -> str:
        return ""

    def close(self) -> str:
        value = self._once.value
        return "" if value is None else json.dumps(value, ensure_ascii=False) + "\n"


class _Events:
    """An event a line, as JSON."""

    def __init__(self, once: Once) -> None:
        self._once = once

    def feed(self, event: StreamEvent) -> str:
        return to_line(event, self._once.session.agent.transport)

    def close(self) -> str:
        value = self._once.value
        return "" if value is None else json.dumps({"type": "output", "value": value}) + "\n"


class _Result:
    """One JSON object when the run has ended."""

    def __init__(self, once: Once) -> None:
        self._once = once
        self._texts: list[str] = []
        self._end: SessionEndEvent | None = None
        self._failure: BaseException | None = None

    def feed(self, event: StreamEvent) -> str:
        if isinstance(event, TextDelta):
            self._texts.append(event.delta)
        elif isinstance(event, Error):
            self._failure = event.exception
        elif isinstance(event, SessionEndEvent):
            self._end = event
        elif self._texts and isinstance(event, ToolUseStart):
            self._texts.clear()  # what is said before a call is no answer
        return ""

    def close(self) -> str:
        end = self._end
        record: JSONObject = {
            "result": "".join(self._texts),
            "session": self._once.session.store.session_id,
            "stop_reason": "error" if end is None else end.stop_reason.value,
            "reason": "interrupted" if end is None else end.reason,
            "usage": {} if end is None else asdict(end.total_usage),
        }
        if self._once.schema is not None:
            record["output"] = self._once.value
        if self._failure is not None:
            record["error"] = self._once.parts.explain(self._failure)
        return json.dumps(record) + "\n"


def _printer(once: Once) -> _Printer:
    if once.args.format == "text":
        return _Text(once) if once.schema is None else _Value(once)
    return _Result(once) if once.args.format == "json" else _Events(once)
