"""Entries: the parts of a conversation as a front end shows them, from top to bottom.

They are values: an entry that changes is replaced by another. Two transcripts are the same if their
entries are equal; times, and what is only there while a call is under way, do not count.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from axio.blocks import AudioBlock, ImageBlock, VideoBlock
from axio.types import JSONObject
from axio_tui.chat.attached import is_named

__all__ = (
    "DECISION",
    "Entry",
    "Failure",
    "Media",
    "MediaBlock",
    "Note",
    "Reasoning",
    "Status",
    "SubAgent",
    "Text",
    "ToolCall",
    "User",
    "is_shown_elsewhere",
)

DECISION = "decision"
"""The `key` of a `ToolOutputDelta` that is no output of the tool, but the answer of the person who
was asked about the call."""

MediaBlock: TypeAlias = ImageBlock | AudioBlock | VideoBlock

Status: TypeAlias = Literal["writing", "running", "done", "failed"]
"""Of a call: its arguments are being written, its tool works, and how it has ended."""


def _passing(default: Any) -> Any:
    """A field that no transcript is told apart by."""
    return field(default=default, compare=False)


@dataclass(frozen=True, slots=True)
class User:
    """The words of the person, and what they have attached."""

    text: str
    media: tuple[MediaBlock, ...] = ()

    @property
    def unnamed(self) -> tuple[MediaBlock, ...]:
        """All that is attached, unless the words name it."""
        return () if is_named(self.text, len(self.media)) else self.media


@dataclass(frozen=True, slots=True)
class Text:
    """A text of the model."""

    text: str


@dataclass(frozen=True, slots=True)
class Media:
    """A picture, sound or film that the model has made."""

    block: MediaBlock


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Reasoning of the model, as far as it may be shown."""

    text: str
    seconds: float | None = _passing(None)


@dataclass(frozen=True, slots=True)
class SubAgent:
    """An agent that works, or has worked, for a call, in the session `session_id`."""

    name: str
    session_id: str


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool and, once it has ended, its result.

    `call_id` is unique in its run. `draft` is the text of the arguments as it is being written,
    `output` the end of what a running tool has put out; both are empty in the end.
    """

    call_id: str
    name: str
    input: JSONObject
    status: Status
    result: str = ""
    media: tuple[MediaBlock, ...] = ()
    decision: str = ""
    """The answer of the person who was asked about it."""
    agents: tuple[SubAgent, ...] = ()
    draft: str = _passing("")
    output: str = _passing("")
    seconds: float | None = _passing(None)


@dataclass(frozen=True, slots=True)
class Failure:
    """A run failed. `lost` is the text that the model had begun, and that is not kept in the
    history: asked again, it begins anew."""

    text: str
    lost: str = ""


@dataclass(frozen=True, slots=True)
class Note:
    """Something besides that has happened: the reason why a run ended ("cancelled",
    "max_iterations", "approval"), "system" for words of the application, "compacted", ..."""

    kind: str
    text: str = ""


Entry: TypeAlias = User | Text | Media | Reasoning | ToolCall | Failure | Note


def is_shown_elsewhere(entry: Entry) -> bool:
    """True for a call that only sets the line of status, and has not failed."""
    return isinstance(entry, ToolCall) and entry.name == "status_line" and entry.status != "failed"
