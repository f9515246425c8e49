"""An MCP server for tests that serves skills, `mcp_skills_server.py FOLDER`, over stdio.

Every folder with a SKILL.md under FOLDER is a skill; `unlisted` is one that is not listed. The
head of a skill is taken as lines of `key: value`. Files are described as they were at first, and
what was read is appended to FOLDER/read. By hand, since the library knows no skills.
"""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

ROOT = Path(sys.argv[1])


def uri_of(path: Path) -> str:
    return f"skill://{path.relative_to(ROOT).as_posix()}"


def described(main: Path) -> dict[str, Any]:
    head = main.read_text().split("---\n")[1]
    files = sorted(path for path in main.parent.rglob("*") if path.is_file())
    return {
        "uri": uri_of(main),
        "frontmatter": dict(line.split(": ", 1) for line in head.splitlines()),
        "resources": [
            {
                "uri": uri_of(path),
                "digest": f"sha256:{sha256(path.read_bytes()).hexdigest()}",
                "size": path.stat().st_size,
            }
            for path in files
        ]
        if main.parent.name != "dynamic"
        else "dynamic",
    }


SKILLS = [described(main) for main in sorted(ROOT.rglob("SKILL.md"))]


def read(uri: str) -> dict[str, Any]:
    with open(ROOT / "read", "a") as log:
        log.write(f"{uri}\n")
    text = (ROOT / uri.removeprefix("skill://")).read_text()
    return {"contents": [{"uri": uri, "text": text}]}


def answer(method: str, params: dict[str, Any]) -> dict[str, Any]:
    """One skill a page, to have pages."""
    match method:
        case "initialize":
            return {
                "protocolVersion": "2025-11-25",
                "capabilities": {
                    "resources": {},
                    "tools": {},
                    "extensions": {"io.modelcontextprotocol/skills": {}},
                },
                "serverInfo": {"name": "skills", "version": "1"},
            }
        case "skills/list":
            listed = [skill for skill in SKILLS if "unlisted" not in skill["uri"]]
            at = int(params.get("cursor", 0))
            more = {"nextCursor": str(at + 1)} if at + 1 < len(listed) else {}
            return {"skills": listed[at : at + 1], **more}
        case "skills/get":
            return {"skill": next(s for s in SKILLS if s["uri"] == params["uri"])}
        case "resources/read":
            return read(params["uri"])
        case "tools/list":
            return {"tools": []}
        case "resources/list":
            return {"resources": []}
        case "resources/templates/list":
            return {"resourceTemplates": []}
    raise LookupError(method)


for line in sys.stdin:
    asked = json.loads(line)
    if "id" not in asked:
        continue
    try:
        said = {"result": answer(asked["method"], asked.get("params") or {})}
    except (LookupError, StopIteration, OSError):
        said = {"error": {"code": -32602, "message": "there is no such thing"}}
    print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **said}), flush=True)
