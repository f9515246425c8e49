"""Reasoning that comes as `<think>…</think>` inside the text, and the switch that asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from axio.models import Capability
from axio.types import JSONObject

if TYPE_CHECKING:
    from axio.messages import Message
    from axio.tool import AnyTool

__all__ = ("THINKING_FIELD", "Piece", "ThinkTagParser", "ThinkingMixin")

Kind: TypeAlias = Literal["text", "reasoning"]
Piece: TypeAlias = tuple[Kind, str]

THINKING_FIELD: Mapping[str, Any] = {
    "name": "thinking",
    "kind": "bool",
    "label": "Thinking",
    "default": "false",
    "help": "models that can do so reason first",
}
"""Of the settings that a person fills in."""

_OPEN = "<think>"
_CLOSE = "</think>"


class ThinkTagParser:
    """Tells text from reasoning in a stream of deltas, wherever the tags are cut.

    Holds back nothing but what may be the beginning of a tag. With `leading` tags count only as
    long as no visible text has come: in an answer that speaks of them they are text.
    """

    __slots__ = ("_held", "_leading", "_tag", "over")

    def __init__(self, *, leading: bool = False) -> None:
        self.over = False
        """Tags no longer count: all that comes is text."""
        self._leading = leading
        self._tag = _OPEN  # the tag that ends the current kind
        self._held = ""  # a proper prefix of that tag, or empty

    @property
    def waits(self) -> bool:
        """True inside of tags, and while it holds back what may be the beginning of one."""
        return bool(self._held) or self._tag is _CLOSE

    def feed(self, delta: str) -> list[Piece]:
        """The pieces that `delta` completes, in order, none of them empty."""
        pieces: list[Piece] = []
        rest = self._held + delta
        self._held = ""
        while not self.over:
            before, tag, after = rest.partition(self._tag)
            keep = 0 if tag else _overlap(before, self._tag)
            said = before[: len(before) - keep]
            if self._leading and self._tag is _OPEN and said.strip():
                self.over = True
                break
            self._add(pieces, said)
            if not tag:
                self._held = before[len(said) :]
                return pieces
            self._tag = _OPEN if self._tag is _CLOSE else _CLOSE
            rest = after
        self._add(pieces, rest)
        return pieces

    def flush(self) -> list[Piece]:
        """Tell what was held back, as what it turned out to be at the end: no tag."""
        pieces: list[Piece] = []
        self._add(pieces, self._held)
        self._held = ""
        return pieces

    def _add(self, pieces: list[Piece], text: str) -> None:
        if text:
            pieces.append(("text" if self._tag is _OPEN else "reasoning", text))


def _overlap(text: str, tag: str) -> int:
    """The length of the end of `text` that begins `tag`, which is not in it as a whole."""
    end = text[text.rfind("<") :]
    return len(end) if tag.startswith(end) else 0


class ThinkingMixin:
    """For a transport dataclass with a field `thinking: bool`: asks models that reason to do so.

    Put it before `OpenAITransport` among the bases.
    """

    __slots__ = ()

    if TYPE_CHECKING:
        thinking: bool
        model: Any

    def build_payload(
        self, messages: list[Message], tools: list[AnyTool], system: str
    ) -> JSONObject:
        payload: JSONObject = super().build_payload(messages, tools, system)  # type: ignore[misc]
        if self.thinking and Capability.reasoning in self.model.capabilities:
            payload.setdefault("enable_thinking", True)
        return payload

    def to_dict(self) -> JSONObject:
        data: JSONObject = super().to_dict()  # type: ignore[misc]
        if self.thinking:
            data["thinking"] = True
        return data

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, session: Any = None) -> Any:
        transport = super().from_dict(data, session=session)  # type: ignore[misc]
        transport.thinking = bool(data.get("thinking", False))
        return transport
