"""The events of OpenAI's realtime servers as ours. Pure.

The protocol: https://platform.openai.com/docs/api-reference/realtime-server-events
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from axio.events import (
    AudioOutputDelta,
    Error,
    SpeechStarted,
    SpeechStopped,
    StreamEvent,
    TextDelta,
    TranscriptDelta,
    TurnComplete,
)
from axio.exceptions import ProtocolError, ProviderError
from axio.types import StopReason
from axio.wire.calls import Calls
from axio.wire.lenient import bytes_of, load_object, text_in
from axio_transport_openai.usage import Counts

__all__ = ("RealtimeDecoder",)

DESCRIBE = "OpenAI realtime"

NOTHING_TO_CANCEL = "response_cancel_not_active"
"""The error for an interruption that came after the end: what was wanted is so already."""


class RealtimeDecoder:
    """`feed` it the text of each message, and get the events it means. Never raises.

    It also knows what a client has to know before it may speak: whether a response is `active`,
    and which calls are `unanswered`. `own_names` leads from names of tools that had to be changed
    for the wire to their own.
    """

    def __init__(
        self,
        media_type: str = "audio/pcm;rate=24000",
        own_names: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.active = False
        self.unanswered: set[str] = set()
        self._media_type = media_type
        self._own_names = own_names
        self._calls = Calls(own_names)  # of one response

    def feed(self, text: str) -> list[StreamEvent]:
        message = load_object(text)
        if message is None:
            shown = text if len(text) <= 200 else text[:200] + " …"
            return [Error(ProtocolError(f"{DESCRIBE}: what came is no event: {shown}"))]
        match message.get("type"):
            case "response.output_audio.delta" | "response.audio.delta":
                return self._audio(message.get("delta"))
            case "response.output_audio_transcript.delta" | "response.audio_transcript.delta":
                delta = text_in(message, "delta")
                return [TranscriptDelta("assistant", delta)] if delta else []
            case "conversation.item.input_audio_transcription.delta":
                delta = text_in(message, "delta")
                return [TranscriptDelta("user", delta)] if delta else []
            case "response.output_text.delta" | "response.text.delta":
                return [TextDelta(0, delta)] if (delta := text_in(message, "delta")) else []
            case "input_audio_buffer.speech_started":
                return [SpeechStarted()]
            case "input_audio_buffer.speech_stopped":
                return [SpeechStopped()]
            case "response.created":
                self.active = True
                self._calls = Calls(self._own_names)
            case "response.output_item.added":
                return self._start_call(message.get("item"))
            case "response.function_call_arguments.delta":
                return self._arguments(message, text_in(message, "delta"))
            case "response.function_call_arguments.done":
                return self._arguments(message, text_in(message, "arguments"), whole=True)
            case "response.done":
                return self._end(message.get("response"))
            case "error":
                return _error(message.get("error"))
        return []

    def _audio(self, delta: Any) -> list[StreamEvent]:
        data = bytes_of(delta)
        if data is None:
            return [Error(ProtocolError(f"{DESCRIBE}: audio came that is not base64"))]
        return [AudioOutputDelta(data, self._media_type)] if data else []

    def _start_call(self, item: Any) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        if isinstance(item, dict) and item.get("type") == "function_call":
            id, name = text_in(item, "id"), text_in(item, "name")
            call_id = text_in(item, "call_id") or id
            if call_id and name:
                self._calls.begin(events, None, call_id, name, id or call_id)
        return events

    def _arguments(
        self, message: Mapping[str, Any], text: str, whole: bool = False
    ) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        call = self._calls.known(None, text_in(message, "call_id"), text_in(message, "item_id"))
        if call is not None and not (whole and call.pieces):
            self._calls.add(call, text, events)
        return events

    def _end(self, response: Any) -> list[StreamEvent]:
        """A response is over: well, cut, cancelled, or failed. A call that was cut is none."""
        self.active = False
        response = response if isinstance(response, dict) else {}
        output = response.get("output")
        calls = [
            item
            for item in (output if isinstance(output, list) else ())
            if isinstance(item, dict)
            and item.get("type") == "function_call"
            and item.get("status") in (None, "completed")
        ]
        usage = response.get("usage")
        events: list[StreamEvent] = []
        details = response.get("status_details")
        details = details if isinstance(details, dict) else {}
        if response.get("status") == "failed":
            events += _error(details.get("error") or {"message": "the response failed"})
            stop = StopReason.error
        elif calls:
            begun = {call.id for call in self._calls.all}
            self.unanswered |= begun & {text_in(item, "call_id") for item in calls}
            stop = StopReason.tool_use
        elif details.get("reason") == "max_output_tokens":
            stop = StopReason.max_tokens
        elif details.get("reason") == "content_filter":
            stop = StopReason.error
        else:
            stop = StopReason.end_turn
        self._calls = Calls(self._own_names)
        counts = Counts(usage).usage() if isinstance(usage, dict) else None
        return [*events, TurnComplete(stop, counts)]


def _error(error: Any) -> list[StreamEvent]:
    error = error if isinstance(error, dict) else {"message": str(error)}
    code = text_in(error, "code") or text_in(error, "type") or "error"
    if code == NOTHING_TO_CANCEL:
        return []
    message = text_in(error, "message") or "no message"
    return [Error(ProviderError(f"{DESCRIBE} [{code}]: {message}", code=code))]
