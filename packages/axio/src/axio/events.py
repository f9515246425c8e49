"""The events of a run, in the order in which they happen.

Consumers match on these by position and by keyword: field order is API, and new fields come last
with a default.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from axio.blocks import AudioMediaType, ImageMediaType, ReasoningBlock, VideoMediaType
from axio.types import JSONObject, StopReason, ToolCallID, ToolName, Usage

__all__ = (
    "AudioOutput",
    "AudioOutputDelta",
    "Error",
    "ImageOutput",
    "IterationEnd",
    "NestedEvent",
    "ReasoningDelta",
    "ReasoningEnd",
    "SessionEndEvent",
    "SpeechStarted",
    "SpeechStopped",
    "StreamEvent",
    "TextDelta",
    "ToolFieldDelta",
    "ToolFieldEnd",
    "ToolFieldStart",
    "ToolInputDelta",
    "ToolOutputDelta",
    "ToolResult",
    "ToolUseStart",
    "TranscriptDelta",
    "TurnComplete",
    "VideoOutput",
)


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    """A piece of the model's reasoning: shown, not stored."""

    index: int
    delta: str


@dataclass(frozen=True, slots=True)
class ReasoningEnd:
    """A finished piece of reasoning that the provider wants back: stored as it is."""

    index: int
    block: ReasoningBlock


@dataclass(frozen=True, slots=True)
class TextDelta:
    index: int
    delta: str


@dataclass(frozen=True, slots=True)
class ToolUseStart:
    """The model begins a call; its arguments follow as `ToolInputDelta`."""

    index: int
    tool_use_id: ToolCallID
    name: ToolName


@dataclass(frozen=True, slots=True)
class ToolInputDelta:
    index: int
    tool_use_id: ToolCallID
    partial_json: str


@dataclass(frozen=True, slots=True)
class ToolFieldStart:
    """`ToolArgStream`: a top-level argument begins."""

    index: int
    tool_use_id: ToolCallID
    key: str


@dataclass(frozen=True, slots=True)
class ToolFieldDelta:
    index: int
    tool_use_id: ToolCallID
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolFieldEnd:
    index: int
    tool_use_id: ToolCallID
    key: str


@dataclass(frozen=True, slots=True)
class ToolOutputDelta:
    """A running tool produced output; `key` names the channel ("stdout", "progress", ...)."""

    tool_use_id: ToolCallID
    name: ToolName
    key: str
    delta: str


@dataclass(frozen=True, slots=True)
class ToolResult:
    """A tool call ended. `content` is the text of the result, without its media."""

    tool_use_id: ToolCallID
    name: ToolName
    is_error: bool
    content: str = ""
    input: JSONObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NestedEvent:
    """An event of a run inside this one: of the sub-agent `name`, working for a tool call."""

    tool_use_id: ToolCallID
    name: str
    event: Any


@dataclass(frozen=True, slots=True)
class ImageOutput:
    index: int
    data: bytes
    media_type: ImageMediaType


@dataclass(frozen=True, slots=True)
class AudioOutput:
    index: int
    data: bytes
    media_type: AudioMediaType


@dataclass(frozen=True, slots=True)
class VideoOutput:
    index: int
    data: bytes
    media_type: VideoMediaType


@dataclass(frozen=True, slots=True)
class IterationEnd:
    """The last event of one model call."""

    iteration: int
    stop_reason: StopReason
    usage: Usage


@dataclass(frozen=True, slots=True)
class Error:
    """The run, or the realtime session, failed."""

    exception: BaseException


@dataclass(frozen=True, slots=True)
class SessionEndEvent:
    """The last event of a run. `reason` says more where `stop_reason` is too coarse:
    "max_iterations", "cancelled", "tokens", "cost", "time", "silence", ..."""

    stop_reason: StopReason
    total_usage: Usage
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AudioOutputDelta:
    """Realtime: a piece of spoken output."""

    data: bytes
    media_type: str = "audio/pcm;rate=24000"


@dataclass(frozen=True, slots=True)
class TranscriptDelta:
    role: Literal["user", "assistant"]
    delta: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The person began to speak."""


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The person stopped speaking."""


@dataclass(frozen=True, slots=True)
class TurnComplete:
    """Realtime: the model finished a turn."""

    stop_reason: StopReason
    usage: Usage | None = None


StreamEvent: TypeAlias = (
    ReasoningDelta
    | ReasoningEnd
    | TextDelta
    | ToolUseStart
    | ToolInputDelta
    | ToolFieldStart
    | ToolFieldDelta
    | ToolFieldEnd
    | ToolOutputDelta
    | ToolResult
    | NestedEvent
    | ImageOutput
    | AudioOutput
    | VideoOutput
    | IterationEnd
    | Error
    | SessionEndEvent
    | AudioOutputDelta
    | TranscriptDelta
    | SpeechStarted
    | SpeechStopped
    | TurnComplete
)
