"""The content blocks of one answer, from their beginning to their end. Pure.

A block has an index, and the pieces between its start and its stop are addressed to that. Some
servers count otherwise in one than in the other. For words that does no harm. Arguments go to the
call of their index; where none is that could take them, to the only block that waits for input;
else to the only call that lacks some. What then is left belongs to no call, and the answer is
useless: no call runs with other arguments than those the model sent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from axio.blocks import ReasoningBlock
from axio.events import ReasoningDelta, ReasoningEnd, StreamEvent, TextDelta
from axio.exceptions import ProtocolError
from axio.surrogates import Halves, joined
from axio.types import JSONObject
from axio.wire.calls import Call, Calls
from axio.wire.lenient import text_in

__all__ = ("PROVIDER", "Content")

PROVIDER = "anthropic"
"""The name under which reasoning is stored that only this API can read."""


class _Thinking:
    """A thinking block being received: its object as it began, and the pieces to put into it."""

    __slots__ = ("signature", "start", "text")

    def __init__(self, start: JSONObject) -> None:
        self.start = start
        self.text = [text_in(start, "thinking")]
        self.signature = [text_in(start, "signature")]

    def finished(self) -> ReasoningBlock | None:
        """The block to send back; without a signature the API would refuse it, so then nothing."""
        text, signature = joined("".join(self.text)), joined("".join(self.signature))
        if not signature:
            return None
        return ReasoningBlock(
            text, PROVIDER, {**self.start, "thinking": text, "signature": signature}
        )


class Content:
    """The content so far. Methods add to `events`, or raise `ProtocolError`.

    `own_names` leads from tool names as they were sent to the names the caller knows them by.
    """

    __slots__ = ("_calls", "_kept", "_stray", "_text", "_thought", "_waiting", "begun")

    def __init__(self, own_names: Mapping[str, str]) -> None:
        self.begun = False
        """A block began, or words came without one."""
        self._calls = Calls(own_names)
        self._kept: dict[int, _Thinking | ReasoningBlock] = {}  # open blocks to be sent back
        self._waiting: dict[int, Call | None] = {}  # open blocks with input; None: not ours to run
        self._stray: dict[int, Call | None] = {}  # whose input came under an index of no block
        self._text = Halves()
        self._thought = Halves()

    @property
    def called(self) -> bool:
        """True once a call has begun."""
        return self._calls.begun

    def restart(self) -> None:
        """The message is begun anew. Calls that come now replace those that came before."""
        self._calls.restart()
        for open_blocks in (self._kept, self._waiting, self._stray):
            open_blocks.clear()

    def start(self, index: int, block: JSONObject, events: list[StreamEvent]) -> None:
        """A block begins, perhaps with all that is in it."""
        self.begun = True
        self._stray.pop(index, None)
        match block.get("type"):
            case "text":
                self.text(index, text_in(block, "text"), events)
            case "thinking":
                self._kept[index] = _Thinking(block)
                self._reason(index, text_in(block, "thinking"), events)
            case "redacted_thinking":
                self._kept[index] = ReasoningBlock("", PROVIDER, block)
            case "tool_use":
                self._waiting[index] = self._call(index, block, events)
            case _:  # such as a tool that runs on Anthropic's side, or the result of one
                self._waiting[index] = None

    def text(self, index: int, text: str, events: list[StreamEvent]) -> None:
        """A piece of text."""
        if self._text.held or not text.isascii():
            text = self._text.feed(text) if text else ""
        if text:
            self.begun = True
            events.append(TextDelta(index, text))

    def thinking(self, index: int, text: str, events: list[StreamEvent]) -> None:
        """A piece of reasoning."""
        block = self._kept.get(index)
        if isinstance(block, _Thinking):
            block.text.append(text)
        self._reason(index, text, events)

    def signature(self, index: int, text: str) -> None:
        """A piece of the signature of a thinking block."""
        block = self._kept.get(index)
        if isinstance(block, _Thinking):
            block.signature.append(text)

    def input(self, index: int, text: str, events: list[StreamEvent]) -> None:
        """A piece of the arguments of a call."""
        if not text:
            return
        if index in self._waiting:
            call = self._waiting[index]
        elif index in self._stray:
            call = self._stray[index]
        else:
            call = self._stray[index] = self._owner(index)
        if call is not None:  # else a tool on Anthropic's side gets it
            self._calls.add(call, text, events)

    def stop(self, index: int, events: list[StreamEvent]) -> None:
        """A block is over. Without any input a call may also have been cut by the output limit."""
        self.flush(index, events)
        call = self._waiting.pop(index, None)
        if call is not None and not call.pieces:
            self._calls.add(call, call.extra, events)
        block = self._kept.pop(index, None)
        if isinstance(block, _Thinking):
            block = block.finished()
        if block is not None:
            events.append(ReasoningEnd(index, block))

    def close(self, events: list[StreamEvent], *, whole: bool) -> str | None:
        """Nothing more comes. If the answer is `whole`, a call for which nothing came has no
        arguments. Returns in words what makes the answer useless, if something does."""
        self.flush(0, events)
        for call in self._calls.all:
            if not call.pieces:
                self._calls.add(call, call.extra or ("{}" if whole else ""), events)
        return self._calls.close(events)

    def flush(self, index: int, events: list[StreamEvent]) -> None:
        """Tell the halves of characters that nothing followed."""
        if lone := self._text.flush():
            events.append(TextDelta(index, lone))
        if lone := self._thought.flush():
            events.append(ReasoningDelta(index, lone))

    def _reason(self, index: int, text: str, events: list[StreamEvent]) -> None:
        if self._thought.held or not text.isascii():
            text = self._thought.feed(text) if text else ""
        if text:
            self.begun = True
            events.append(ReasoningDelta(index, text))

    def _call(self, index: int, block: JSONObject, events: list[StreamEvent]) -> Call:
        name, id, given = text_in(block, "name"), block.get("id"), block.get("input")
        if not name:
            raise ProtocolError("Anthropic began a tool call without a name")
        call = self._calls.begin(events, index, str(id) if id else "", name)
        # Servers that do not cut the input into pieces send it here, some once more in pieces.
        call.extra = given if isinstance(given, str) else json.dumps(given) if given else ""
        return call

    def _owner(self, index: int) -> Call | None:
        """The call that input is for which came under the index of no open block that takes any."""
        here = self._calls.known(index)
        if here is not None and not here.complete:
            return here
        waiting = list(self._waiting.values())
        if len(waiting) == 1:
            return waiting[0]
        lacking = self._calls.lacking()
        if len(lacking) != 1:
            raise ProtocolError("Anthropic sent arguments, and it is not clear of which call")
        return lacking[0]
