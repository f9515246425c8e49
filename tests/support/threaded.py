"""HTTP on 127.0.0.1 from a thread, for clients that block or are programs of their own.

class Refusing(Handler):
    def do_POST(self) -> None:
        self.reply("no", 401)

with ThreadedServer(Refusing) as server:
    ...  # talk to server.url
"""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

__all__ = ("Handler", "ThreadedServer")

S = TypeVar("S", bound="ThreadedServer")


class ThreadedServer(ThreadingHTTPServer):
    """It serves while its block lasts."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self: S) -> S:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()


class Handler(BaseHTTPRequestHandler):
    """Answers as a provider does, and logs nothing."""

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def reply(self, answer: Any, status: int = 200, content_type: str = "application/json") -> None:
        """A whole answer; what is no text becomes JSON."""
        body = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.head(content_type, status, len(body))
        self.wfile.write(body)

    def reply_models(self, *names: str) -> None:
        data = [{"id": name, "object": "model"} for name in names]
        self.reply({"object": "list", "data": data})

    def head(self, content_type: str, status: int = 200, length: int | None = None) -> None:
        """The beginning of an answer, which ends with the connection if it has no `length`."""
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    def event(self, event: dict[str, Any], *, named: bool = False) -> None:
        """One server-sent event, with its type as its name if it is `named`."""
        name = f"event: {event['type']}\n" if named else ""
        self.wfile.write(f"{name}data: {json.dumps(event)}\n\n".encode())

    def log_message(self, *_: object) -> None:
        pass
