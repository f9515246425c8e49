"""The transport: one request in, one call or one honest sentence out."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.events import IterationEnd, StreamEvent, TextDelta, ToolInputDelta, ToolUseStart
from axio.messages import Message
from axio.models import ModelRegistry, ModelSpec
from axio.types import StopReason, Usage
from axio_transport_local.answers import no_tool_fits, results
from axio_transport_local.cache import cache_folder
from axio_transport_local.decision import Call, decide
from axio_transport_local.engine import Reading
from axio_transport_local.memory import Memory
from axio_transport_local.request import Request
from axio_transport_local.weights import SMOLLM2, locate, require_runtime
from axio_transport_local.worker import Worker

if TYPE_CHECKING:
    from axio.tool import AnyTool

__all__ = ("LocalTransport",)


class LocalTransport:
    """SmolLM2-135M on this machine: it chooses a tool for the last request and fills it in.

    It needs no key, server or network, only the package with its weights. It has no conversation:
    the request is the user's last text, and after the results of a call it repeats them and ends.
    When no tool fits it says so; it never makes up an answer.

    One model is loaded for the whole process, on first use, and serves one request at a time. The
    first request with new tools takes about ten seconds, those after it half a second, in later
    processes as well; see `warm`.

    `session`, `api_key` and other settings are taken for the sake of front ends and not used.
    """

    FIELDS: ClassVar[tuple[dict[str, Any], ...]] = ()
    """There is nothing that a person could set."""

    def __init__(
        self,
        *,
        model: ModelSpec | str = SMOLLM2,
        models: ModelRegistry | None = None,
        session: object = None,
        api_key: str = "",
        name: str = "local",
        **settings: object,
    ) -> None:
        self.name = name
        self.models = models or ModelRegistry([SMOLLM2])
        self.model = self.models.get(model, SMOLLM2) if isinstance(model, str) else model
        self.session = session
        self.api_key = ""

    def __repr__(self) -> str:
        return f"LocalTransport(model={self.model.id!r})"

    async def fetch_models(self) -> None:
        """Make sure that the model is here; `StreamError` says what to install if it is not."""
        require_runtime()
        locate()

    async def warm(self, tools: list[AnyTool]) -> None:
        """Load the model and have it read of `tools`, so that the first request is fast."""
        known = list(tools)
        await shared_worker().run(lambda memory: memory.learn(known))

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        """One call, or one text. `StreamError` when the model is not installed or fails."""
        blocks = messages[-1].content if messages else []
        if blocks and isinstance(blocks[-1], ToolResultBlock):
            yield TextDelta(0, _repeated(messages))
            yield IterationEnd(0, StopReason.end_turn, Usage(0, 0))
            return
        known, text = list(tools), _last_text(messages)
        call, usage = await shared_worker().run(lambda memory: _answer(memory, known, text))
        if call is None:
            yield TextDelta(0, no_tool_fits([tool.name for tool in known]))
            yield IterationEnd(0, StopReason.end_turn, usage)
            return
        call_id = f"local_{os.urandom(8).hex()}"
        yield ToolUseStart(0, call_id, call.name)
        yield ToolInputDelta(0, call_id, json.dumps(call.arguments, ensure_ascii=False))
        yield IterationEnd(0, StopReason.tool_use, usage)


def _answer(memory: Memory, tools: list[AnyTool], text: str) -> tuple[Call | None, Usage]:
    """The decision about a request, and the tokens it took. Runs in the worker's thread."""
    request = Request.clean(text)
    if not tools or not request.stems:
        return None, Usage(0, 0)
    memory.engine.reading = Reading()
    repertoire, leaning = memory.learn(tools, request)
    call = decide(memory.engine, repertoire, leaning, request)
    read = memory.engine.reading
    return call, Usage(read.prompt, read.written, cache_read_tokens=read.known)


def _last_text(messages: list[Message]) -> str:
    """The last text of the user; "" if there is none."""
    for message in reversed(messages):
        if message.role == "user":
            for block in reversed(message.content):
                if isinstance(block, TextBlock):
                    return block.text
    return ""


def _repeated(messages: list[Message]) -> str:
    """The results that end the history, as a text."""
    names = {
        block.id: block.name
        for message in messages
        for block in message.content
        if isinstance(block, ToolUseBlock)
    }
    ended = [block for block in messages[-1].content if isinstance(block, ToolResultBlock)]
    return results(ended, names)


_workers: dict[tuple[Path, Path | None], Worker] = {}
_workers_lock = threading.Lock()


def shared_worker() -> Worker:
    """The worker of this process; it is there after the first use and loads nothing by itself."""
    place = locate(), cache_folder()
    with _workers_lock:
        worker = _workers.get(place)
        if worker is None:
            worker = _workers[place] = Worker(lambda: Memory(*place))
    return worker


def _forget_workers() -> None:
    """In a fork: the threads have stayed behind."""
    global _workers_lock
    _workers_lock = threading.Lock()
    _workers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_workers)
