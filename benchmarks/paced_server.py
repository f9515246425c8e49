"""A model server on loopback that writes one long answer at a pace.

It speaks Chat Completions and Responses. The first request with tools that says "STREAM" gets
the answer; every other one gets a word.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

__all__ = ("PacedServer", "paced_server")


class PacedServer(ThreadingHTTPServer):
    """`begun` and `ended` are set when the long answer begins, and when it has been written."""

    daemon_threads = True

    def __init__(self, deltas: Sequence[str], rate: float) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.deltas, self.rate = deltas, rate
        self.begun, self.ended = threading.Event(), threading.Event()
        self._once = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

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


class _Handler(BaseHTTPRequestHandler):
    server: PacedServer

    def do_GET(self) -> None:
        self._head("application/json")
        models = [{"id": "fake", "object": "model"}]
        self.wfile.write(json.dumps({"object": "list", "data": models}).encode())

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self._head("text/event-stream")
        with suppress(ConnectionError):
            (self._responses if self.path.endswith("/responses") else self._chat)(body)

    def _chat(self, body: bytes) -> None:
        head = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "fake"}

        def send(delta: Any, finish: str | None = None, **more: Any) -> None:
            choice = {"index": 0, "delta": delta, "finish_reason": finish}
            self._send({**head, "choices": [choice], **more})

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
        self._send({"type": "response.created", "response": begun}, named=True)
        empty = {**item, "status": "in_progress", "content": []}
        added = {"type": "response.output_item.added", "output_index": 0, "item": empty}
        self._send(added, named=True)
        self._send({"type": "response.content_part.added", **place, "part": part}, named=True)
        texts = []
        for text in self.server.answer(body):
            texts.append(text)
            delta = {"type": "response.output_text.delta", **place, "delta": text}
            self._send(delta, named=True)
        whole = {**part, "text": "".join(texts)}
        done = {**item, "status": "completed", "content": [whole]}
        self._send({**added, "type": "response.output_item.done", "item": done}, named=True)
        usage = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}
        ended = {**response, "status": "completed", "output": [done], "usage": usage}
        self._send({"type": "response.completed", "response": ended}, named=True)

    def _send(self, event: dict[str, Any], named: bool = False) -> None:
        name = f"event: {event['type']}\n" if named else ""
        self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())

    def _head(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def paced_server(deltas: Sequence[str], rate: float) -> Iterator[PacedServer]:
    server = PacedServer(deltas, rate)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
