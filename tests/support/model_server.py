"""A model server on 127.0.0.1 that streams Chat Completions as a test tells it to.

with ModelServer() as model:
    gate = model.gate()
    model.answer("the beginning, ", gate, "the end")  # the next request gets this
    ...  # talk to model.url, gate.set(), look at model.requests
"""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeAlias

from support.threaded import Handler, ThreadedServer

__all__ = ("Call", "ModelServer", "Part", "Thought", "paced")

LONGEST = 60.0  # seconds for which a gate holds


@dataclass(frozen=True)
class Call:
    """A call of a tool; its arguments come in pieces."""

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Thought:
    """Reasoning, before or between the text."""

    text: str


Part: TypeAlias = str | float | Call | Thought | threading.Event
"""A delta of text, seconds to wait, a call, reasoning, or a gate to wait for."""


def paced(text: str, rate: int, size: int = 5) -> Iterator[Part]:
    """The text in deltas of `size` characters, so many a second."""
    for start in range(0, len(text), size):
        yield text[start : start + size]
        yield 1 / rate


class ModelServer(ThreadedServer):
    """Gives each request the next answer. `requests` is what it was asked, `gone` how many
    answers were not wanted to the end."""

    def __init__(self) -> None:
        super().__init__(_Answering)
        self.requests: list[dict[str, Any]] = []
        self.gone = 0
        self.usage = {"prompt_tokens": 1_000, "completion_tokens": 50, "total_tokens": 1_050}
        self._answers: list[Sequence[Part]] = []
        self._gates: list[threading.Event] = []
        self.ids = count(1)

    @property
    def url(self) -> str:
        return f"{super().url}/v1"

    def __exit__(self, *_: object) -> None:
        for gate in self._gates:
            gate.set()
        super().__exit__()

    def answer(self, *parts: Part) -> None:
        """Give this to one more request."""
        self._answers.append(parts)

    def gate(self) -> threading.Event:
        """A part at which an answer waits until it is set."""
        self._gates.append(threading.Event())
        return self._gates[-1]

    def next_answer(self) -> Sequence[Part]:
        return self._answers.pop(0) if self._answers else ("No answer is scripted.",)

    def asked(self, number: int = -1) -> str:
        """All that the messages of a request say, as one text; a call is its JSON."""
        return json.dumps(self.requests[number]["messages"], ensure_ascii=False)

    def until_asked(self, times: int) -> None:
        """Return once there were so many requests."""
        deadline = time.monotonic() + LONGEST
        while len(self.requests) < times:
            assert time.monotonic() < deadline, f"{len(self.requests)} requests came"
            time.sleep(0.02)


class _Answering(Handler):
    server: ModelServer

    def do_GET(self) -> None:
        self.reply_models("scripted")

    def do_POST(self) -> None:
        body = self.body()
        answer = self.server.next_answer()
        self.server.requests.append(json.loads(body))
        try:
            self.head("text/event-stream")
            for part in answer:
                self._send_part(part)
            calls = any(isinstance(part, Call) for part in answer)
            self._say({}, "tool_calls" if calls else "stop", self.server.usage)
            self.wfile.write(b"data: [DONE]\n\n")
        except ConnectionError:
            self.server.gone += 1

    def _send_part(self, part: Part) -> None:
        match part:
            case str():
                self._say({"content": part})
            case Thought(text=text):
                self._say({"reasoning_content": text})
            case Call(name=name, arguments=arguments):
                self._call(name, json.dumps(arguments))
            case threading.Event():
                self._hold(part)
            case _:
                time.sleep(part)

    def _call(self, name: str, arguments: str) -> None:
        index = next(self.server.ids)
        begun = {"name": name, "arguments": ""}
        head = {"index": index, "id": f"call_{index}", "type": "function", "function": begun}
        self._say({"tool_calls": [head]})
        for start in range(0, len(arguments), 100):
            piece = {"arguments": arguments[start : start + 100]}
            self._say({"tool_calls": [{"index": index, "function": piece}]})

    def _hold(self, gate: threading.Event) -> None:
        """Wait, but not for longer than the client does."""
        end = time.monotonic() + LONGEST
        while not gate.wait(0.02) and time.monotonic() < end:
            came = select.select([self.connection], [], [], 0)[0]
            if came and not self.connection.recv(1, socket.MSG_PEEK):
                raise ConnectionResetError

    def _say(self, delta: dict[str, Any], finish: str | None = None, usage: Any = None) -> None:
        chunk = {
            "id": "chatcmpl-1",
            "object": "chat.completion.chunk",
            "created": 1,
            "model": "scripted",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
        }
        if usage is not None:
            chunk["usage"] = usage
        self.event(chunk)
