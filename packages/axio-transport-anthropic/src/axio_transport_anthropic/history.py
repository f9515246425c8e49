"""Conversations on their way into a request, each stored message encoded once.

A message is remembered with the bytes of its JSON, so the price of a request is that of what is
new in it; joining the pieces of a long history costs next to nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from axio.blocks import ContentBlock, TextBlock, ToolResultBlock, ToolUseBlock
from axio.media import NO_LIMITS, ImageLimits
from axio.messages import Message
from axio.wire.images import NOTHING, fitted
from axio.wire.memory import Memory
from axio.wire.names import accepted
from axio.wire.payload import dumps
from axio_transport_anthropic.encode import (
    CACHE_MARK,
    Encoded,
    encode_message,
    encode_tool,
    joined,
)

if TYPE_CHECKING:
    from axio.tool import AnyTool

__all__ = ("Encoder", "History")

# A mark finds an older cache entry only this many blocks before it.
# https://docs.claude.com/en/docs/build-with-claude/prompt-caching
CACHE_LOOKBACK = 20


class Encoder:
    """Encodes for one transport. Its state is memory only: the same input gives the same output."""

    __slots__ = ("_limits", "_messages", "_tools")

    def __init__(self, limits: ImageLimits = NO_LIMITS) -> None:
        self._limits = limits
        self._messages: Memory[Encoded] = Memory()
        self._tools: Memory[tuple[AnyTool, bytes]] = Memory()

    def __reduce__(self) -> tuple[type[Encoder], tuple[ImageLimits]]:
        return Encoder, (self._limits,)  # a copy starts anew: other objects have other ids

    def history(self, messages: Iterable[Message]) -> History:
        """The conversation; `UnsupportedContent` when it holds media that Claude cannot take.

        Neighbours of one role become one message. Blocks that only another provider can read are
        left out, and so is text without a visible character, which the API refuses. In place of
        images over a limit stand notes.
        """
        messages = list(messages)
        history = self._history(messages)
        if history.images.exceeds(self._limits):
            history = self._history(fitted(messages, self._limits))
        return history

    def _history(self, messages: list[Message]) -> History:
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
            if known.images is not NOTHING:
                history.images += known.images
            if known.role == role:
                runs[-1].append(known)
            else:
                runs.append([known])
                role = known.role
        return history

    def _message(self, message: Message, history: History) -> Encoded | None:
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
            known = encode_message(role, content, ids, self._limits)
        self._messages.put(key, known, len(known.json))
        return known

    def tools(self, tools: Iterable[AnyTool]) -> list[bytes]:
        """The definitions of `tools`."""
        definitions: list[bytes] = []
        for tool in tools:
            known = self._tools.get(id(tool))
            if known is None or known[0] is not tool:
                known = tool, encode_tool(tool)
            self._tools.put(id(tool), known, len(known[1]))
            definitions.append(known[1])
        return definitions


class History:
    """One conversation on its way into a request."""

    __slots__ = ("_call_ids", "_used_ids", "images", "runs", "system")

    def __init__(self) -> None:
        self.runs: list[list[Encoded]] = []  # neighbours of one role
        self.system: list[bytes] = []
        self.images = NOTHING
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
        """True if the API lets the model think now.

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
        encoded = [run[0].json if len(run) == 1 else joined(run) for run in runs]
        for i in marked:
            encoded[i] = encoded[i][:-1] + CACHE_MARK
        return b"[%b]}]" % b"]},".join(encoded) if encoded else b"[]"
