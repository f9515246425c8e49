"""Histories and tools as the Messages API takes them: pure, no I/O.

Every block is encoded once and remembered as the bytes of its JSON, so the price of a request is
that of what is new; joining the pieces of a long history costs next to nothing.

The shapes: https://docs.claude.com/en/api/messages
"""

from __future__ import annotations

import json
import logging
from binascii import b2a_base64
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import msgspec

from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
)
from axio.exceptions import UnsupportedContent
from axio.messages import Message
from axio.wire.names import accepted
from axio_transport_anthropic.decode import PROVIDER

if TYPE_CHECKING:
    from axio.tool import Tool

__all__ = (
    "CACHE_MARK",
    "Encoder",
    "History",
    "dumps",
    "json_array",
    "json_object",
    "names_of",
)

logger = logging.getLogger("axio_transport_anthropic")

IMAGE_TYPES = {
    "image/jpeg": "image/jpeg",
    "image/jpg": "image/jpeg",
    "image/png": "image/png",
    "image/gif": "image/gif",
    "image/webp": "image/webp",
}

CACHE_MARK = b',"cache_control":{"type":"ephemeral"}}'

# A mark finds an older cache entry only this many blocks before it.
# https://docs.claude.com/en/docs/build-with-claude/prompt-caching
CACHE_LOOKBACK = 20


class _Encoded(NamedTuple):
    """One stored message as it is sent."""

    role: str
    content: list[ContentBlock]  # what it was made of; keeps the blocks, and so their ids, alive
    ids: tuple[str, ...]  # of the calls and results in it, as they are sent
    json: bytes  # of the message, up to and with its last part
    parts: int
    results: bool  # some parts are results of tools
    thinking: bool  # some parts are thinking


class Encoder:
    """Encodes for one transport. Its state is memory only: the same input gives the same output."""

    __slots__ = ("_messages", "_tools")

    def __init__(self) -> None:
        self._messages: _Memory[_Encoded] = _Memory()
        self._tools: _Memory[tuple[Tool[Any], bytes]] = _Memory()

    def history(self, messages: Iterable[Message]) -> History:
        """The conversation; `UnsupportedContent` when it holds media that Claude cannot take.

        Neighbours of one role become one message. Blocks that only another provider can read are
        left out, and so is text without a visible character, which the API refuses.
        """
        history = History()
        runs = history.runs
        known_ones = self._messages.young
        role = ""
        for message in messages:
            content = message.content
            known = known_ones.get(id(content[0])) if content else None
            # Comparing two lists of the same objects asks none of them.
            if known is None or known.ids or known.content != content or known.role != message.role:
                known = self._message(message, history)
            if known is None or not known.parts:
                continue
            if known.role == role:
                runs[-1].append(known)
            else:
                runs.append([known])
                role = known.role
        return history

    def _message(self, message: Message, history: History) -> _Encoded | None:
        """A message that is new, or whose ids depend on what stands before it."""
        role, content = message.role, message.content
        if role == "system":
            history.add_system(content)
            return None
        if not content:
            return None
        ids = history.ids(content)
        key = id(content[0])
        known = self._messages.get(key)
        if known is None or (known.role, known.ids, known.content) != (role, ids, content):
            known = _message(role, content, ids)
        self._messages.put(key, known, len(known.json))
        return known

    def tools(self, tools: Iterable[Tool[Any]]) -> list[bytes]:
        """The definitions of `tools`."""
        definitions: list[bytes] = []
        for tool in tools:
            known = self._tools.get(id(tool))
            if known is None or known[0] is not tool:
                known = tool, _tool(tool)
            self._tools.put(id(tool), known, len(known[1]))
            definitions.append(known[1])
        return definitions


class History:
    """One conversation on its way into a request."""

    __slots__ = ("_call_ids", "_used_ids", "runs", "system")

    def __init__(self) -> None:
        self.runs: list[list[_Encoded]] = []  # neighbours of one role
        self.system: list[bytes] = []
        self._call_ids: dict[str, str] = {}
        self._used_ids: set[str] = set()

    def add_system(self, content: Iterable[ContentBlock]) -> None:
        text = "".join(block.text for block in content if isinstance(block, TextBlock))
        if text.strip():
            self.system.append(dumps({"type": "text", "text": text}))

    def ids(self, content: Iterable[ContentBlock]) -> tuple[str, ...]:
        """The ids under which calls and results are sent: ones that the API accepts, each call's
        different from all before it. A result belongs to the latest call with its id."""
        ids: list[str] = []
        for block in content:
            if isinstance(block, ToolUseBlock):
                wanted = free = accepted(block.id)
                number = 1
                while free in self._used_ids:
                    number += 1
                    free = f"{wanted}_{number}"
                self._used_ids.add(free)
                self._call_ids[block.id] = free
                ids.append(free)
            elif isinstance(block, ToolResultBlock):
                id = block.tool_use_id
                ids.append(self._call_ids.get(id) or accepted(id))
        return tuple(ids)

    def may_think(self) -> bool:
        """Whether the API lets the model think now.

        It refuses to begin in the middle of a turn, which a tool's results do not end.
        """
        begun = False
        for run in reversed(self.runs):
            if run[0].role == "user":
                if not any(message.results for message in run):
                    break
            elif any(message.thinking for message in run):
                return True
            begun = True
        return not begun

    def messages(self) -> bytes:
        """The JSON array of messages, marked so that the next request finds this one in the cache.

        The mark stands at the end of the last user message. Where the blocks that came since the
        previous request are too many for the API to look back over, its mark is kept too.
        """
        runs = self.runs
        marked = [i for i, run in enumerate(runs) if run[0].role == "user"][-2:]
        if len(marked) == 2:
            since = sum(message.parts for run in runs[marked[0] + 1 :] for message in run)
            if since <= CACHE_LOOKBACK:
                del marked[0]
        encoded = [run[0].json if len(run) == 1 else _joined(run) for run in runs]
        for i in marked:
            encoded[i] = encoded[i][:-1] + CACHE_MARK
        return b"[%b]}]" % b"]},".join(encoded) if encoded else b"[]"


_HEADS = {
    "user": b'{"role":"user","content":[',
    "assistant": b'{"role":"assistant","content":[',
}


def _joined(run: list[_Encoded]) -> bytes:
    head = _HEADS[run[0].role]
    return head + b",".join([message.json[len(head) :] for message in run])


def _message(role: str, content: list[ContentBlock], ids: tuple[str, ...]) -> _Encoded:
    next_id = iter(ids)
    parts: list[bytes] = []
    results: list[bytes] = []
    thinking = ending = 0  # parts of reasoning, and those of them that stand at the end
    for block in content:
        if isinstance(block, ToolResultBlock):
            results.append(_tool_result(block, next(next_id)))
            continue
        if isinstance(block, ToolUseBlock):
            part = _tool_use(block, next(next_id))
        else:
            part = _block(block, role)
        if part:
            parts.append(part)
            is_reasoning = isinstance(block, ReasoningBlock)
            thinking += is_reasoning
            ending = ending + 1 if is_reasoning else 0
    if ending:  # the API refuses a message that ends in thinking
        del parts[-ending:]
    parts = results + parts  # and wants all results before anything else
    return _Encoded(
        role,
        list(content),
        ids,
        _HEADS[role] + b",".join(parts),
        len(parts),
        bool(results),
        thinking > ending,
    )


T = TypeVar("T")


class _Memory(Generic[T]):
    """What was encoded, in two generations: when the young one is full, the old one goes.

    Keys are ids of objects, so whoever looks something up checks that it is of the same object.
    """

    __slots__ = ("_old", "_size", "young")

    LIMIT = 16 * 1024 * 1024  # bytes in one generation

    def __init__(self) -> None:
        self.young: dict[int, T] = {}
        self._old: dict[int, T] = {}
        self._size = 0

    def get(self, key: int) -> T | None:
        """What is remembered, in either generation; `put` it again so that it stays young."""
        return self.young.get(key) or self._old.get(key)

    def put(self, key: int, value: T, size: int) -> None:
        if self.young.get(key) is value:
            return
        self._size += size + 400  # about what the entry itself takes
        if self._size > self.LIMIT:
            self._old, self.young, self._size = self.young, {}, size
        self.young[key] = value


def _block(block: ContentBlock, role: str) -> bytes:
    """A block that is no call and no result; empty when it cannot be sent."""
    if isinstance(block, TextBlock):
        return dumps({"type": "text", "text": block.text}) if block.text.strip() else b""
    if isinstance(block, ReasoningBlock):
        if block.provider == PROVIDER and role == "assistant":
            return dumps(block.data)
        logger.warning("reasoning of %s is left out: Claude cannot read it", block.provider)
        return b""
    if isinstance(block, ImageBlock | AudioBlock | VideoBlock):
        if role == "assistant":
            logger.warning("%s made by a model is left out: Claude takes none", block.media_type)
            return b""
        if (image := _image(block)) is not None:
            return dumps(image)
        raise UnsupportedContent(
            f"Anthropic takes no {block.media_type} in a message, only images (JPEG, PNG, GIF,"
            " WebP): send text instead, or use a model of another provider"
        )
    raise UnsupportedContent(f"Anthropic takes no {type(block).__name__} in a message")


def _tool_use(block: ToolUseBlock, id: str) -> bytes:
    call = {"type": "tool_use", "id": id, "name": accepted(block.name), "input": block.input}
    return dumps(call)


def _tool_result(block: ToolResultBlock, id: str) -> bytes:
    content: str | list[dict[str, Any]]
    if isinstance(block.content, str):
        content = block.content
    else:
        content = [item for part in block.content if (item := _result_part(part))]
    result: dict[str, Any] = {"type": "tool_result", "tool_use_id": id, "content": content}
    if block.is_error:
        result["is_error"] = True
    return dumps(result)


def _result_part(
    part: TextBlock | ImageBlock | AudioBlock | VideoBlock,
) -> dict[str, Any] | None:
    if isinstance(part, TextBlock):
        return {"type": "text", "text": part.text} if part.text.strip() else None
    if (image := _image(part)) is not None:
        return image
    # An error would end the conversation for good, since the result is in its history.
    logger.warning("%s in a tool's result is left out: Claude takes none", part.media_type)
    text = f"[{part.media_type}, {len(part.data)} bytes: this model cannot take it]"
    return {"type": "text", "text": text}


def _image(block: ImageBlock | AudioBlock | VideoBlock) -> dict[str, Any] | None:
    media_type = IMAGE_TYPES.get(block.media_type)
    if not isinstance(block, ImageBlock) or media_type is None:
        return None
    data = b2a_base64(block.data, newline=False).decode("ascii")
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": data}}


def names_of(tools: Iterable[Tool[Any]]) -> dict[str, str]:
    """The way back from names that had to be changed to the tools' own."""
    return {name: tool.name for tool in tools if (name := accepted(tool.name)) != tool.name}


def _tool(tool: Tool[Any]) -> bytes:
    return dumps(
        {
            "name": accepted(tool.name),
            "description": tool.description,
            "input_schema": _input_schema(tool.input_schema),
            "eager_input_streaming": True,
        }
    )


def _input_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema of a tool's input: always an object's, and without the titles nobody reads."""
    return {"type": "object", **_untitled(schema)}


# Under these keys lie names, each with a schema; a property may well be called "title".
_NAMED_SCHEMAS = ("properties", "$defs", "definitions", "patternProperties")
# Under these lie values, which are no schemas.
_VALUES = ("default", "const", "enum", "examples", "required")


def _untitled(schema: Any) -> Any:
    if isinstance(schema, list | tuple):
        return [_untitled(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    return {
        key: value
        if key in _VALUES
        else {name: _untitled(item) for name, item in value.items()}
        if key in _NAMED_SCHEMAS and isinstance(value, Mapping)
        else _untitled(value)
        for key, value in schema.items()
        if key != "title"
    }


def json_array(items: Iterable[bytes]) -> bytes:
    """A JSON array of items that are encoded already."""
    return b"[%b]" % b",".join(items)


def json_object(pairs: Iterable[tuple[str, bytes]]) -> bytes:
    """A JSON object of values that are encoded already."""
    return b"{%b}" % b",".join([b'"%b":%b' % (key.encode(), value) for key, value in pairs])


def dumps(value: Any) -> bytes:
    """JSON in UTF-8. Halves of surrogate pairs become U+FFFD, objects that are no JSON text."""
    try:
        return msgspec.json.encode(value)
    except (OverflowError, TypeError, UnicodeEncodeError):
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()
