"""An MCP server for tests whose answers are broken, `mcp_broken_server.py WAY`, over stdio by hand.

Its tool `t` is answered with the text of WAY, where {id} stands for the id of the call. With
`lists` as its second argument it promises resources and prompts that it does not have, with
`modern` it speaks the newer generation of the protocol, and a list as JSON is that of its tools.
"""

from __future__ import annotations

import json
import sys
from typing import Any

WAY, *MORE = sys.argv[1:]
TOOLS = [json.loads(word) for word in MORE if word.startswith("[")]


def send(**message: Any) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


for line in sys.stdin:
    asked = json.loads(line)
    match asked["method"]:
        case "server/discover" if "modern" in MORE:
            server = {"name": "broken", "version": "1"}
            result = {
                "resultType": "complete",
                "supportedVersions": ["2026-07-28"],
                "capabilities": {"tools": {}},
                "serverInfo": server,
                "ttlMs": 0,
                "cacheScope": "private",
            }
            send(id=asked["id"], result=result)
        case "initialize":
            promised: dict[str, Any] = {"resources": {}, "prompts": {}}
            lists = promised if "lists" in MORE else {}
            result = {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}, **lists},
                "serverInfo": {"name": "broken", "version": "1"},
            }
            send(id=asked["id"], result=result)
        case "tools/list":
            tools = TOOLS[0] if TOOLS else [{"name": "t", "inputSchema": {"type": "object"}}]
            cached = {"ttlMs": 0, "cacheScope": "private"} if "modern" in MORE else {}
            send(id=asked["id"], result={"tools": tools, **cached})
        case "tools/call":
            print(WAY.replace("{id}", str(asked["id"])), flush=True)
        case "prompts/list":
            send(id=asked["id"], error={"code": -32603, "message": "oh\nno"})
        case _ if "id" in asked:
            send(id=asked["id"], error={"code": -32601, "message": "Method not found"})
