"""A conversation in lines that are never rewritten: each entry is told once, when it has settled.

    teller = Teller()
    print(teller.tell(conversation.entries))                # as often as something has changed
    print(teller.tell(conversation.entries, over=True))     # when the run has ended

A line of an answer is told when it is complete, a call when its tool starts, and its result when it
is there. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from axio.blocks import AudioBlock, ImageBlock, VideoBlock
from axio_tui.chat.entries import (
    Entry,
    Failure,
    Media,
    MediaBlock,
    Note,
    Reasoning,
    Text,
    ToolCall,
    User,
    is_shown_elsewhere,
)
from axio_tui.harmless import SHOWN_VALUE, describe_call, plain, visible
from axio_tui.plain.results import ANSWERED, OUTPUT_MARK, may_repeat, repeats, result_lines
from axio_tui.plain.style import PLAIN, Style

__all__ = ("AXIO", "TOOL", "YOU", "Teller")

YOU, AXIO, TOOL = "you: ", "axio: ", "tool: "
_NAMED = 60  # characters of an argument, where a call is only named again

_NOTES = {
    "cancelled": "stopped",
    "max_iterations": "stopped: the model was asked as often as --max-iterations allows",
    "approval": "stopped until a call is approved",
    "crash": "the program ended here",
}


class Teller:
    """Tells entries from the one at `start` on; those before are known to the person."""

    def __init__(self, style: Style = PLAIN, start: int = 0) -> None:
        self._style = style
        self._start = self._next = start
        self._kinds: list[type[Entry] | None] = [None] * start
        self._lines_told = 0  # characters of the open text
        self._has_label = False
        self._line_open = False
        self._waiting: dict[str, int] = {}  # the calls whose results are not told, and their places
        self._last_told = ""  # the call whose line was told last
        self._is_whole = False  # nothing of that line was cut
        self._result = ""  # the last result, if all of it was told
        self._unsaid = 0
        self._seen_inside: dict[str, int] = {}

    def on_screen(self) -> None:
        """The next words of the person stand there already: they have typed them."""
        self._unsaid += 1

    def break_line(self) -> str:
        """The end of an open line, before something else is printed."""
        was, self._line_open, self._last_told = self._line_open, False, ""
        return "\n" if was else ""

    def tell(self, entries: Sequence[Entry], over: bool = False) -> str:
        """The text to be printed now. `over`: nothing of it changes any more."""
        return self._tell(entries, len(entries), over)

    def tell_agents(self, agents: Iterable[tuple[str, str, Sequence[Entry]]]) -> str:
        """The calls of agents that work inside of a call, a line each: each agent by its session,
        its name and its transcript."""
        told = []
        for session, name, entries in agents:
            seen = self._seen_inside.get(session, 0)
            while seen < len(entries) and _is_settled(entries[seen], seen == len(entries) - 1):
                entry = entries[seen]
                if isinstance(entry, ToolCall):
                    line = describe_call(entry.name, entry.input, limit=_NAMED)
                    told += [self.break_line(), f"{TOOL}{visible(name)} > {line}\n"]
                seen += 1
            self._seen_inside[session] = seen
        return "".join(told)

    def tell_call(self, entries: Sequence[Entry], call_id: str, limit: int | None) -> str | None:
        """The line of a call that is asked about; "" if it is the last that was told, and whole.

        None if there is no such call here. A value longer than `limit` is cut.
        """
        for index in range(len(entries) - 1, -1, -1):
            entry = entries[index]
            if isinstance(entry, ToolCall) and entry.call_id == call_id:
                break
        else:
            return None
        before = self._tell(entries, index, False)
        if self._last_told == call_id and self._is_whole:
            return before
        line = before + self.break_line() + self._call(entry, index, limit)
        if self._next == index:
            self._advance(entry)
        return line

    def _tell(self, entries: Sequence[Entry], stop: int, over: bool) -> str:
        told = [self._results(entries)]
        self._step_back(entries)
        while self._next < stop:
            entry = entries[self._next]
            settled = over or _is_settled(entry, self._next == len(entries) - 1)
            if isinstance(entry, Text):
                told.append(self._text(entry.text, settled))
            elif settled:
                told.append(self._told(entry))
            if not settled:
                break
            self._advance(entry)
        return "".join(told)

    def _advance(self, entry: Entry) -> None:
        self._kinds[self._next :] = [type(entry)]
        self._next += 1
        self._lines_told, self._has_label = 0, False

    def _step_back(self, entries: Sequence[Entry]) -> None:
        """A turn that broke off has left other entries than those that were told of it."""
        while self._next > self._start:
            last = self._next - 1
            if last < len(entries) and type(entries[last]) is self._kinds[last]:
                break
            self._next = last

    def _told(self, entry: Entry) -> str:
        if isinstance(entry, Failure):
            return self._failed(entry)
        before = self.break_line()
        return before + self._entry(entry)

    def _failed(self, entry: Failure) -> str:
        """The rest of an answer that broke off, and why it did."""
        rest = plain(entry.lost[self._lines_told :]).rstrip() if self._has_label else ""
        self._line_open = self._line_open or bool(rest)
        words = self._style.put(self._style.error, f"error: {visible(entry.text)}")
        return f"{rest}{self.break_line()}{AXIO}{words}\n"

    def _entry(self, entry: Entry) -> str:
        match entry:
            case User():
                if self._unsaid:
                    self._unsaid -= 1
                    return ""
                return self._words(YOU, entry.text) + self._media(entry.unnamed)
            case ToolCall() if is_shown_elsewhere(entry):
                return ""
            case ToolCall():
                line = self._call(entry, self._next)
                done = entry.status in ("done", "failed")
                return line + (self._ended(entry) if done else "")
            case Reasoning():
                seconds = "" if entry.seconds is None else f" for {entry.seconds:.1f} s"
                return self._style.put(self._style.dim, f"{AXIO}(thought{seconds})") + "\n"
            case Media():
                return AXIO + self._media([entry.block])
            case Note():
                said = _NOTES.get(entry.kind, entry.kind)
                more = f": {entry.text}" if entry.text else ""
                return self._words(AXIO, f"({said}{more})")
        return ""

    def _words(self, label: str, text: str) -> str:
        return f"{label}{plain(text).rstrip()}\n"

    def _media(self, media: Sequence[MediaBlock]) -> str:
        return "".join(f"{OUTPUT_MARK}{_size(block)}\n" for block in media)

    # ── answers ───────────────────────────────────────────────────────────────────────────────

    def _text(self, text: str, settled: bool) -> str:
        """The new part of an answer, up to the last line that is complete."""
        label = "" if self._has_label else self.break_line() + AXIO
        self._has_label = True
        self._line_open = self._line_open or bool(label)
        if not settled and self._lines_told == 0 and may_repeat(text, self._result):
            return label
        if settled and self._lines_told == 0 and repeats(text, self._result):
            new = ANSWERED
        else:
            end = len(text) if settled else text.rfind("\n") + 1
            new = plain(text[self._lines_told : end])
            self._lines_told = max(end, self._lines_told)
        if settled:
            self._result = ""
            if not new.endswith("\n") and (new or self._line_open):
                new += "\n"
        if new:
            self._line_open, self._last_told = False, ""
        return label + new

    # ── calls ─────────────────────────────────────────────────────────────────────────────────

    def _call(self, call: ToolCall, index: int, limit: int | None = SHOWN_VALUE) -> str:
        self._waiting[call.call_id] = index
        self._last_told = call.call_id
        line = describe_call(call.name, call.input, limit=limit)
        self._is_whole = limit is None or line == describe_call(call.name, call.input, limit=None)
        return self._style.put(self._style.call, f"{TOOL}{line}") + "\n"

    def _results(self, entries: Sequence[Entry]) -> str:
        """The results that have come since of calls that were told."""
        told = []
        for call_id, index in [*self._waiting.items()]:
            entry = entries[index] if index < len(entries) else None
            if not isinstance(entry, ToolCall) or entry.call_id != call_id:
                del self._waiting[call_id]
            elif entry.status in ("done", "failed"):
                told += [self.break_line() if self._line_open else "", self._ended(entry)]
        return "".join(told)

    def _ended(self, call: ToolCall) -> str:
        self._waiting.pop(call.call_id, None)
        header = ""
        if self._last_told != call.call_id:
            named = describe_call(call.name, call.input, limit=_NAMED)
            header = self._style.put(self._style.call, f"{TOOL}result of {named}") + "\n"
        self._last_told = ""
        lines, is_whole = result_lines(call.result, call.status == "failed", self._style)
        self._result = call.result if is_whole and call.status == "done" else ""
        return header + lines + self._media(call.media)


def _size(block: ImageBlock | AudioBlock | VideoBlock) -> str:
    return f"[{visible(block.media_type)}, {len(block.data):,} bytes]"


def _is_settled(entry: Entry, is_last: bool) -> bool:
    """False for what the model still writes."""
    if isinstance(entry, ToolCall):
        return entry.status != "writing"
    return not (is_last and isinstance(entry, Text | Reasoning))
