"""An MCP server for tests that asks a person, over stdio and by hand.

Its tool `ask` asks with the parameters that it is given, and returns the answer as JSON. With a
file as its argument the server asks by itself, outside of a call, and writes what it is told there.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

TOOLS = [
    {
        "name": "ask",
        "inputSchema": {"type": "object", "properties": {"params": {"type": "object"}}},
    },
]
UNASKED = {"message": "Say something", "requestedSchema": {"type": "object", "properties": {}}}


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def answer(asked: dict[str, Any]) -> dict[str, Any] | None:
    params = asked.get("params") or {}
    match asked["method"]:
        case "initialize":
            return {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "asking", "version": "1"},
            }
        case "tools/list":
            return {"tools": TOOLS}
        case "tools/call" if params["name"] == "ask":
            wanted = params["arguments"]["params"]
            send(id=f"ask {asked['id']}", method="elicitation/create", params=wanted)
            return None
    raise LookupError


for line in sys.stdin:
    got = json.loads(line)
    if got.get("method") == "notifications/initialized" and sys.argv[1:]:
        send(id="unasked", method="elicitation/create", params=UNASKED)
    elif "method" not in got and got["id"] == "unasked":
        Path(sys.argv[1]).write_text(json.dumps(got["result"]))
    elif "method" not in got:
        text = json.dumps(got.get("result", got.get("error")))
        number = int(got["id"].removeprefix("ask "))
        send(id=number, result={"content": [{"type": "text", "text": text}]})
    elif "id" in got:
        try:
            result = answer(got)
            if result is not None:
                send(id=got["id"], result=result)
        except LookupError:
            send(id=got["id"], error={"code": -32601, "message": "Method not found"})
