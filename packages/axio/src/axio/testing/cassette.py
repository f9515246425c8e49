"""Record what a model answers once, replay it in every test.

A cassette is a text file with one JSON object a line: a request, then its events. Requests hold the
system prompt, the names and schemas of the tools and the messages; secrets are taken out before
anything is written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import AsyncGenerator, AsyncIterator
from difflib import unified_diff
from pathlib import Path
from types import MappingProxyType
from typing import Any

from axio.event_data import event_from_dict, event_to_dict
from axio.events import StreamEvent
from axio.exceptions import AxioError
from axio.messages import Message
from axio.tool import AnyTool
from axio.transport import CompletionTransport, DummyCompletionTransport, closing
from axio.types import JSONObject
from axio.wrapper import Wrapper

__all__ = ("CassetteError", "RecordTransport", "ReplayTransport")

_PIECES = MappingProxyType(
    {"TextDelta": "delta", "ReasoningDelta": "delta", "ToolInputDelta": "partial_json"}
)
"""Events whose texts are pieces of one, and the field that holds them."""

_REMOVED = "[secret removed]"
_SECRET = re.compile(
    r"\b(?:sk|pk|rk|xox[abp]|gh[pousr]|glpat|AKIA|AIza)[-_A-Za-z0-9]{12,}"
    r"|\bBearer\s+[-._~+/A-Za-z0-9]{12,}=*"
    r"|\beyJ[-_A-Za-z0-9]{8,}\.[-_A-Za-z0-9]{8,}\.[-_A-Za-z0-9]*"
)


class CassetteError(AxioError):
    """There is no recording of what was asked."""


def _request(messages: list[Message], tools: list[AnyTool], system: str) -> JSONObject:
    return {
        "system": system,
        "tools": {tool.name: tool.input_schema for tool in tools},
        "messages": [message.to_dict() for message in messages],
    }


def _clean(value: Any, secrets: list[str]) -> Any:
    """`value` without secrets: the given ones, and all that looks like a key or a token."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True)
    for secret in secrets:
        text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], _REMOVED)
    return json.loads(_SECRET.sub(_REMOVED, text))


def _clean_pieces(events: list[JSONObject], secrets: list[str]) -> None:
    """Take out what is a secret only when the pieces of a text are put together.

    The first of the pieces says that something was removed, the others lose their part of it.
    """
    texts: dict[tuple[Any, ...], list[JSONObject]] = {}
    for event in events:
        if event["type"] in _PIECES:
            text = (event["type"], event["index"], event.get("tool_use_id"))
            texts.setdefault(text, []).append(event)
    secret = re.compile("|".join([*map(re.escape, secrets), _SECRET.pattern]))
    for (kind, *_), pieces in texts.items():
        name = _PIECES[kind]
        characters = list("".join(piece[name] for piece in pieces))
        for found in secret.finditer("".join(characters)):
            characters[found.start() : found.end()] = [_REMOVED] + [""] * (len(found[0]) - 1)
        begin = 0
        for piece in pieces:
            end = begin + len(piece[name])
            piece[name] = "".join(characters[begin:end])
            begin = end


def _secrets_of(transport: object) -> list[str]:
    names = ("api_key", "refresh_token", "account_id")
    values = (getattr(transport, name, None) for name in names)
    return [value for value in values if isinstance(value, str) and len(value) >= 8]


class RecordTransport(Wrapper):
    """`inner`, with every request and its events added to the file `path` as they end."""

    def __init__(self, inner: CompletionTransport, path: str | os.PathLike[str]) -> None:
        super().__init__(inner)
        self._path = Path(path)

    async def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncGenerator[StreamEvent, None]:
        request = _request(messages, tools, system)
        events: list[JSONObject] = []
        async with closing(self.inner.stream(messages, tools, system)) as source:
            async for event in source:
                events.append(event_to_dict(event))
                yield event
        secrets = _secrets_of(self.inner)
        _clean_pieces(events, secrets)
        record = _clean({"request": request, "events": events}, secrets)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"request": record["request"]}, ensure_ascii=False) + "\n")
            for line in record["events"]:
                file.write(json.dumps({"event": line}, ensure_ascii=False) + "\n")


class ReplayTransport(Wrapper):
    """Answers from the cassette `path`, each recorded response once, in the order of recording.

    A request that was not recorded raises `CassetteError` with the difference to the next recorded
    one. Where `record` is given and the file is missing, it is recorded, except with CI=true.
    `model` and other attributes are those of `record`.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, record: CompletionTransport | None = None
    ) -> None:
        self._path = Path(path)
        self._left: list[tuple[JSONObject, list[JSONObject]]] | None = None
        if self._path.exists():
            self._left = _read(self._path)
        elif record is None or os.environ.get("CI", "").lower() not in ("", "0", "false"):
            raise CassetteError(f"no cassette at {self._path}: record it first, outside of CI")
        super().__init__(record or DummyCompletionTransport())

    def stream(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> AsyncIterator[StreamEvent]:
        if self._left is None:
            return RecordTransport(self.inner, self._path).stream(messages, tools, system)
        return self._replay(_clean(_request(messages, tools, system), []), self._left)

    async def _replay(
        self, request: JSONObject, left: list[tuple[JSONObject, list[JSONObject]]]
    ) -> AsyncGenerator[StreamEvent, None]:
        for index, (recorded, events) in enumerate(left):
            if recorded == request:
                del left[index]
                for event in events:
                    yield event_from_dict(event)
                return
        if not left:
            raise CassetteError(f"everything in {self._path} has been replayed already")
        difference = "\n".join(
            unified_diff(
                _pretty(left[0][0]), _pretty(request), "recorded", "asked", lineterm="", n=2
            )
        )
        raise CassetteError(f"not recorded in {self._path}:\n{difference}")


def _pretty(request: JSONObject) -> list[str]:
    return json.dumps(request, ensure_ascii=False, indent=2, sort_keys=True).splitlines()


def _read(path: Path) -> list[tuple[JSONObject, list[JSONObject]]]:
    found: list[tuple[JSONObject, list[JSONObject]]] = []
    lines = path.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            if "request" in record:
                found.append((record["request"], []))
            else:
                found[-1][1].append(record["event"])
        except (ValueError, KeyError, IndexError, TypeError) as exc:
            raise CassetteError(f"{path}, line {number}, is not part of a cassette") from exc
    return found
