"""A run's events as text for a person: tool calls, their output, the answer, what it took."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

from axio.events import (
    AudioOutput,
    Error,
    ImageOutput,
    IterationEnd,
    ReasoningDelta,
    SessionEndEvent,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    ToolOutputDelta,
    ToolResult,
    ToolUseStart,
    VideoOutput,
)
from axio_tui.chat.entries import DECISION
from axio_tui.harmless import SHOWN_VALUE, PlainText, describe_call, plain, visible
from axio_tui.plain.footer import footer
from axio_tui.plain.results import ANSWERED, OUTPUT_MARK, repeats, result_lines
from axio_tui.plain.style import PLAIN, Style

__all__ = ("Renderer",)


@dataclass(slots=True)
class _Call:
    name: str
    pieces: list[str]
    shown: bool = False  # its line is complete, with the arguments

    def __str__(self) -> str:
        text = "".join(self.pieces)
        try:
            arguments = json.loads(text) if text.strip() else {}
        except (ValueError, RecursionError):
            arguments = None
        if isinstance(arguments, dict):
            return describe_call(self.name, arguments)
        return f"{visible(self.name)}({visible(text[:SHOWN_VALUE])})"


def _naming(id: str) -> str:
    """The speaker of a line that so far holds only the name of a call."""
    return f"name of {id}"


class Renderer:
    """Feed it the events of one run; it returns the text to print for each, at once.

    Text of the model and of tools passes through `PlainText`. `close()` returns what is missing
    to end the last line; the time starts when the renderer is made.
    """

    def __init__(self, style: Style = PLAIN, clock: Callable[[], float] = time.monotonic) -> None:
        self._style = style
        self._clock = clock
        self._started = clock()
        self._calls: dict[str, _Call] = {}
        self._filters: dict[str, PlainText] = {}
        self._calls_total = 0
        self._turn_over = False
        self._speaker = ""  # whose line is open: "text", "reasoning", a call's id or its naming
        self._line_open = False
        self._output_shown = ""  # the last result, if all of it was shown

    def feed(self, event: StreamEvent) -> str:
        match event:
            case TextDelta(delta=delta):
                if repeats(delta, self._output_shown):
                    delta = ANSWERED
                self._output_shown = ""
                return self._finish_calls() + self._speak("text", delta)
            case ReasoningDelta(delta=delta):
                return self._finish_calls() + self._speak(
                    "reasoning", delta, style=self._style.dim, opening="(thinking) "
                )
            case ToolUseStart(tool_use_id=id, name=name):
                return self._finish_calls() + self._start_call(id, name)
            case ToolInputDelta(tool_use_id=id, partial_json=piece):
                if call := self._calls.get(id):
                    call.pieces.append(piece)
                    call.shown = False
                return ""
            case IterationEnd():
                self._turn_over = True
                return self._finish_calls() + self._end_line()
            case ToolOutputDelta(tool_use_id=id, name=name, key=key, delta=delta):
                # The person who was asked has just given the answer.
                return "" if key == DECISION else self._output(id, name, delta)
            case ToolResult():
                return self._result(event)
            case ImageOutput() | AudioOutput() | VideoOutput():
                size = f"[{plain(event.media_type)}, {len(event.data):,} bytes]"
                return self._end_line() + f"{OUTPUT_MARK}{size}\n"
            case SessionEndEvent():
                return self._end_line() + self._footer(event)
            case Error():
                return self._end_line()
        return ""

    def close(self) -> str:
        return self._finish_calls() + self._end_line()

    # ── lines ─────────────────────────────────────────────────────────────────────────────────

    def _end_line(self) -> str:
        ended, self._line_open, self._speaker = self._line_open, False, ""
        return "\n" if ended else ""

    def _speak(
        self, speaker: str, text: str, *, style: str = "", opening: str = "", mark: str = ""
    ) -> str:
        """Let `speaker` go on, or begin with `opening`; `mark` stands before each line."""
        text = self._filters.setdefault(speaker, PlainText()).feed(text)
        if not text:
            return ""
        before = ""
        if speaker != self._speaker:
            before = self._end_line() + opening
            self._speaker = speaker
        begun, self._line_open = self._line_open, not text.endswith("\n")
        lines = text.removesuffix("\n").replace("\n", f"\n{mark}")
        end = "\n" if not self._line_open else ""
        return before + self._style.put(style, f"{'' if begun else mark}{lines}") + end

    # ── calls ─────────────────────────────────────────────────────────────────────────────────

    def _start_call(self, id: str, name: str) -> str:
        before = self._end_line()
        if self._turn_over:  # ids may come again in another turn
            self._calls.clear()
            self._filters.clear()
            self._turn_over = False
        self._calls[id] = _Call(name, [])
        self._calls_total += 1
        self._speaker, self._line_open = _naming(id), True
        return before + self._style.put(self._style.call, f"-> {visible(name)}")

    def _finish_calls(self) -> str:
        """Complete the line of each call whose arguments have arrived since."""
        text = ""
        unfinished = [(id, call) for id, call in self._calls.items() if not call.shown]
        unfinished.sort(key=lambda item: self._speaker != _naming(item[0]))
        for id, call in unfinished:
            call.shown = True
            line = str(call)
            if self._speaker == _naming(id):  # its name stands there already
                text += line[len(visible(call.name)) :] + self._end_line()
            else:
                text += self._end_line() + self._style.put(self._style.call, f"-> {line}") + "\n"
        return text

    def _output(self, id: str, name: str, text: str) -> str:
        opening = self._header(id, describe_call(name, {}))
        return self._speak(id, text, style=self._style.dim, opening=opening, mark=OUTPUT_MARK)

    def _result(self, result: ToolResult) -> str:
        id = result.tool_use_id
        streamed = id in self._filters
        self._output_shown = result.content.strip()
        if streamed and not result.is_error:
            return self._end_line()
        lines, is_whole = result_lines(result.content, result.is_error, self._style)
        if not is_whole:
            self._output_shown = ""
        header = self._header(id, describe_call(result.name, result.input))
        return self._end_line() + header + lines

    def _header(self, id: str, call: str) -> str:
        """Whose output follows, where more than one call could have made it."""
        if len(self._calls) < 2:
            return ""
        return f"  {self._calls.get(id, call)}:\n"

    def _footer(self, end: SessionEndEvent) -> str:
        line = footer(end, self._clock() - self._started, self._calls_total)
        return self._style.put(self._style.dim, line.rstrip("\n")) + "\n" * bool(line)
