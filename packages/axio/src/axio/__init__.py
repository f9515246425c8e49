"""Agents in Python: stream typed events, run tools side by side, keep a history that stays valid.

The three seams are `CompletionTransport` (the model), `ContextStore` (the history) and
`PermissionGuard` (the permission).
"""

__all__ = (
    "CONTEXT",
    "RUN",
    "Agent",
    "AgentStream",
    "AudioOutputDelta",
    "AxioError",
    "CompletionTransport",
    "ConcurrentGuard",
    "ContextStore",
    "Error",
    "Field",
    "FieldInfo",
    "GuardError",
    "HandlerError",
    "IterationEnd",
    "MemoryContextStore",
    "Message",
    "PermissionGuard",
    "RealtimeAgent",
    "RealtimeSession",
    "RealtimeTransport",
    "ReasoningDelta",
    "Run",
    "SessionEndEvent",
    "SpeechStarted",
    "SpeechStopped",
    "StopReason",
    "StreamError",
    "StreamEvent",
    "StrictStr",
    "TextBlock",
    "TextDelta",
    "Tool",
    "ToolError",
    "ToolInputDelta",
    "ToolOutputDelta",
    "ToolResult",
    "ToolResultBlock",
    "ToolSelector",
    "ToolUseBlock",
    "ToolUseStart",
    "TranscriptDelta",
    "TurnComplete",
    "Usage",
    "tool_options",
)

__version__ = "1.0.0a1"

from typing import TYPE_CHECKING

from axio.agent import Agent
from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.context import ContextStore, MemoryContextStore
from axio.events import (
    AudioOutputDelta,
    Error,
    IterationEnd,
    ReasoningDelta,
    SessionEndEvent,
    SpeechStarted,
    SpeechStopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    ToolResult,
    ToolUseStart,
    TranscriptDelta,
    TurnComplete,
)
from axio.exceptions import AxioError, GuardError, HandlerError, StreamError, ToolError
from axio.messages import Message
from axio.permission import ConcurrentGuard, PermissionGuard
from axio.run import RUN, Run
from axio.schema.field import Field, FieldInfo, StrictStr
from axio.selector import ToolSelector
from axio.tool import CONTEXT, Tool, tool_options
from axio.transport import CompletionTransport, RealtimeSession, RealtimeTransport
from axio.types import StopReason, Usage

if TYPE_CHECKING:
    from axio.realtime import RealtimeAgent
    from axio.run.stream import AgentStream
else:

    def __getattr__(name):
        """Load a name that needs asyncio when it is asked for."""
        if name == "AgentStream":
            from axio.run.stream import AgentStream as value
        elif name == "RealtimeAgent":
            from axio.realtime import RealtimeAgent as value
        else:
            raise AttributeError(f"module 'axio' has no attribute {name!r}")
        globals()[name] = value
        return value
