"""The body of a request, put together from parts of which each is encoded once."""

from __future__ import annotations

import logging
from typing import TypeAlias

from axio.blocks import ContentBlock
from axio.messages import Message
from axio.tool import AnyTool
from axio.types import JSONObject
from axio.wire.images import NOTHING, Weight, fitted, taken
from axio.wire.memory import Memory
from axio.wire.payload import dumps
from axio_transport_openai.encode import (
    encode_message,
    encode_tools,
    foreign_reasoning,
    mark_prefix,
)
from axio_transport_openai.providers import Provider

__all__ = ("EncodedMessages", "RequestEncoder")

logger = logging.getLogger(__name__)

MAX_BYTES = 32 << 20
"""Bytes of messages kept for one transport, twice: a generation in use and the one before it."""


class RequestEncoder:
    """Bodies of requests to one provider. Keeps what it encoded: see `EncodedMessages`."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self._messages = EncodedMessages(provider)
        self._tools: list[AnyTool] = []
        self._encoded_tools = b""

    def __reduce__(self) -> tuple[type[RequestEncoder], tuple[Provider]]:
        return RequestEncoder, (self.provider,)  # a copy has encoded nothing yet

    def body(
        self,
        payload: JSONObject,
        messages: list[Message],
        tools: list[AnyTool],
        *,
        marks: bool = False,
    ) -> bytes:
        """`payload`, whose `messages` are those that come first, with the history and the tools.

        With `marks` the end of the last message is marked as that of a cached prefix.
        """
        first = payload.pop("messages")
        fragments = [dumps(message) for message in first]
        history, images = self._history(messages, marks)
        if images.exceeds(self.provider.images):
            history, _ = self._history(fitted(messages, self.provider.images), marks)
        fragments += history
        # Everything is joined at once, by the comma that stands between messages and members
        # alike: the whole may be megabytes, and a second copy costs more than all the rest.
        fragments = fragments or [b""]
        fragments[0] = b'{"messages":[' + fragments[0]
        fragments[-1] += b"]"
        if tools:
            fragments.append(b'"tools":' + self._tools_bytes(tools))
        if payload:
            fragments.append(dumps(payload)[1:-1])
        fragments[-1] += b"}"
        return b",".join(fragments)

    def _history(self, messages: list[Message], marks: bool) -> tuple[list[bytes], Weight]:
        if not marks or not messages:
            return self._messages.encode(messages), self._messages.images
        wire, images = _on_wire(messages[-1], self.provider)
        mark_prefix(wire)
        fragments = [*self._messages.encode(messages[:-1]), *map(dumps, wire)]
        return fragments, self._messages.images + images

    def _tools_bytes(self, tools: list[AnyTool]) -> bytes:
        known = self._tools
        if len(known) != len(tools) or any(a is not b for a, b in zip(known, tools, strict=True)):
            self._encoded_tools = dumps(encode_tools(tools))
            self._tools = list(tools)
        return self._encoded_tools


_Entry: TypeAlias = tuple[Message, str, list[ContentBlock], bytes, Weight]
"""A message (held, so that its id stays its own), its role and a copy of its list of blocks (which
may be changed, while blocks may not), what it is on the wire, and the weight of its images."""


def _on_wire(message: Message, provider: Provider) -> tuple[list[JSONObject], Weight]:
    """A message as it is sent by itself, and the weight of its images."""
    if message.role == "assistant":
        return encode_message(message, provider), NOTHING
    content = taken(message.content, provider.images)
    return encode_message(Message(message.role, content), provider), Weight.of(content)


class EncodedMessages:
    """A cache from messages to their JSON, comma-separated where one becomes several.

    A message is known by its identity and looked at again if its role or its list of blocks has
    changed since.
    """

    def __init__(self, provider: Provider, max_bytes: int = MAX_BYTES) -> None:
        self.images = NOTHING
        """The weight of those that were encoded last."""
        self._provider = provider
        self._reported: set[str] = set()
        self._memory: Memory[_Entry] = Memory(max_bytes)
        self._entries: list[_Entry] = []
        """Of the messages that were encoded last, with which the next request most often begins."""
        self._fragments: list[bytes] = []

    def encode(self, messages: list[Message]) -> list[bytes]:
        """The messages on the wire, in order; empty ones are left out."""
        if not _go_on(messages, self._entries):
            self._entries, self._fragments, self.images = [], [], NOTHING
        for message in messages[len(self._entries) :]:
            entry = self._memory.young.get(id(message))
            if entry is None or entry[2] != message.content or entry[1] != message.role:
                entry = self._renew(message)
            self._entries.append(entry)
            if entry[3]:
                self._fragments.append(entry[3])
                if entry[4] is not NOTHING:
                    self.images += entry[4]
        return self._fragments.copy()

    def _renew(self, message: Message) -> _Entry:
        entry = self._memory.get(id(message))
        if entry is None or entry[2] != message.content or entry[1] != message.role:
            wire, images = _on_wire(message, self._provider)
            encoded = b",".join(map(dumps, wire))
            entry = (message, message.role, list(message.content), encoded, images)
            self._report(foreign_reasoning(message, self._provider))
        self._memory.put(id(message), entry, len(entry[3]))
        return entry

    def _report(self, left_behind: set[str]) -> None:
        for name in left_behind - self._reported:
            logger.warning("reasoning by %s is not sent to %s", name, self._provider.name)
        self._reported |= left_behind


def _go_on(messages: list[Message], entries: list[_Entry]) -> bool:
    """True if the messages begin with those of these entries, as they were. Other ways to see that
    take longer than all the rest of a request, for a long history."""
    for message, (known, role, content, _, _) in zip(messages, entries, strict=False):
        if message is not known or message.content != content or message.role != role:
            return False
    return len(messages) >= len(entries)
