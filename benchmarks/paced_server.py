"""A model server on loopback that writes one long answer at a pace.

It speaks Chat Completions and Responses. The first request with tools that says "STREAM" gets
the answer; every other one gets a word.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from support.threaded import Handler, ThreadedServer

__all__ = ("PacedServer",)


class PacedServer(ThreadedServer):
    """`begun` and `ended` are set when the long answer begins, and when it has been written."""

    def __init__(self, deltas: Sequence[str], rate: float) -> None:
        super().__init__(_Answering)
        self.deltas, self.rate = deltas, rate
        self.begun, self.ended = threading.Event(), threading.Event()
        self._once = threading.Lock()

    def answer(self, asked: bytes) -> Iterator[str]:
        # Some ask for a title too, at the same time, without tools.
        is_it = b"STREAM" in asked and bool(json.loads(asked).get("tools"))
        if not is_it or not self._once.acquire(blocking=False):
            yield "Yes."
            return
        self.begun.set()
        start = time.perf_counter()
        for number, delta in enumerate(self.deltas):
            if (due := start + number / self.rate - time.perf_counter()) > 0:
                time.sleep(due)
            yield delta
        self.ended.set()


class _Answering(Handler):
    server: PacedServer

    def do_GET(self) -> None:
        self.reply_models("fake")

    def do_POST(self) -> None:
        body = self.body()
        self.head("text/event-stream")
        with suppress(ConnectionError):
            (self._responses if self.path.endswith("/responses") else self._chat)(body)

    def _chat(self, body: bytes) -> None:
        head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}

        def send(delta: Any, finish: str | None = None, **more: Any) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            self.event({**head, "choices": [choice], **more})

        send({"role": "assistant", "content": ""})
        for text in self.server.answer(body):
            send({"content": text})
        send({}, "stop", usage={"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18})
        self.wfile.write(b"data: [DONE]\n\n")

    def _responses(self, body: bytes) -> None:
        part = {"type": "output_text", "text": "", "annotations": []}
        item: dict[str, Any] = {"type": "message", "id": "m1", "role": "assistant"}
        response = {"id": "r1", "object": "response", "created_at": 1, "model": "fake"}
        place = {"output_index": 0, "item_id": "m1", "content_index": 0}
        begun = {**response, "status": "in_progress", "output": []}
        self.event({"type": "response.created", "response": begun}, named=True)
        empty = {**item, "status": "in_progress", "content": []}
        added = {"type": "response.output_item.added", "output_index": 0, "item": empty}
        self.event(added, named=True)
        self.event({"type": "response.content_part.added", **place, "part": part}, named=True)
        texts = []
        for text in self.server.answer(body):
            texts.append(text)
            delta = {"type": "response.output_text.delta", **place, "delta": text}
            self.event(delta, named=True)
        whole = {**part, "text": "".join(texts)}
        done = {**item, "status": "completed", "content": [whole]}
        self.event({**added, "type": "response.output_item.done", "item": done}, named=True)
        usage = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}
        ended = {**response, "status": "completed", "output": [done], "usage": usage}
        self.event({"type": "response.completed", "response": ended}, named=True)
