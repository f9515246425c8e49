"""Reasoning that comes as `<think>…</think>` inside the text, and the switch that asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from axio.models import Capability

if TYPE_CHECKING:
    from axio.messages import Message
    from axio.tool import Tool

__all__ = ("Piece", "ThinkTagParser", "ThinkingMixin")

Kind: TypeAlias = Literal["text", "reasoning"]
Piece: TypeAlias = tuple[Kind, str]

_OPEN = "<think>"
_CLOSE = "</think>"


class ThinkTagParser:
    """Tells text from reasoning in a stream of deltas, wherever the tags are cut.

    Holds back nothing but what may be the beginning of a tag.
    """

    __slots__ = ("_held", "_tag")

    def __init__(self) -> None:
        self._tag = _OPEN  # the tag that ends the current kind
        self._held = ""  # a proper prefix of that tag, or empty

    @property
    def idle(self) -> bool:
        """Whether the parser is outside of tags and holds nothing back: text without a `<` would
        come out as it is."""
        return not self._held and self._tag is _OPEN

    def feed(self, delta: str) -> list[Piece]:
        """The pieces that `delta` completes, in order, none of them empty."""
        pieces: list[Piece] = []
        rest = self._held + delta
        while True:
            before, tag, after = rest.partition(self._tag)
            if not tag:
                break
            self._add(pieces, before)
            self._tag = _OPEN if self._tag is _CLOSE else _CLOSE
            rest = after
        keep = _overlap(rest, self._tag)
        self._held = rest[len(rest) - keep :]
        self._add(pieces, rest[: len(rest) - keep])
        return pieces

    def flush(self) -> list[Piece]:
        """What was held back, as what it turned out to be at the end: no tag."""
        pieces: list[Piece] = []
        self._add(pieces, self._held)
        self._held = ""
        return pieces

    def _add(self, pieces: list[Piece], text: str) -> None:
        if text:
            pieces.append(("text" if self._tag is _OPEN else "reasoning", text))


def _overlap(text: str, tag: str) -> int:
    """The length of the longest end of `text` that begins `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return length
    return 0


class ThinkingMixin:
    """For a transport dataclass with a field `thinking: bool`: asks models that reason to do so.

    Put it before `OpenAITransport` among the bases.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        thinking: bool
        model: Any

    def build_payload(
        self, messages: list[Message], tools: list[Tool[Any]], system: str
    ) -> dict[str, Any]:
        payload: dict[str, Any] = super().build_payload(messages, tools, system)  # type: ignore[misc]
        if self.thinking and Capability.reasoning in self.model.capabilities:
            payload.setdefault("enable_thinking", True)
        return payload

    def to_dict(self) -> dict[str, Any]:
        data: dict[str, Any] = super().to_dict()  # type: ignore[misc]
        if self.thinking:
            data["thinking"] = True
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, session: Any = None) -> Any:
        transport = super().from_dict(data, session=session)  # type: ignore[misc]
        transport.thinking = bool(data.get("thinking", False))
        return transport
