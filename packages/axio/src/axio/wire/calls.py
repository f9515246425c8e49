"""The tool calls of one answer, and which of them a piece belongs to. One rule for all servers.

A piece has an address (the id of an item, the id of a call, the place that the server counts it
at; each may be missing or wrong), and it may bring a name and a part of the arguments.

* An item's id decides; then the id of a call at that place; then the place; then the order.
* A piece without a name begins no call: at a known place it goes on with the call that
  is there, with any id.
* A name that comes again begins another call if the arguments are complete, or if it comes with an
  id of its own and no arguments; else it goes on with the same one. Another name before the first
  argument is the rest of the name.
* Arguments whose call cannot be told are given to the one call that lacks some. If there are
  several the answer is useless: a call runs with exactly the arguments that the model sent.
* The last word counts. Where the whole arguments come at the end and differ from the pieces, the
  call is begun again with them.

Pure. A call is begun again by a second `ToolUseStart` with the same index and id.
"""

from __future__ import annotations

import json
from binascii import hexlify
from collections.abc import Mapping
from os import urandom
from types import MappingProxyType
from typing import Any

from axio.events import StreamEvent, ToolInputDelta, ToolUseStart
from axio.schema.streaming import ToolArgStream
from axio.surrogates import Halves, joined

__all__ = ("Call", "Calls")


class Call:
    """A call whose arguments are still coming."""

    __slots__ = (
        *("again", "extra", "id", "index", "name", "place", "void", "wire_id"),
        *("_halves", "_pieces", "_read", "_reader"),
    )

    def __init__(self, index: int, place: int | None, wire_id: str) -> None:
        self.index = index
        """Its index in our events; no other call of the answer has it."""
        self.place = place
        """Where the server counts it, if it counts."""
        self.wire_id = wire_id
        """The first id that the server gave it; may be empty."""
        self.id = wire_id or "call_" + hexlify(urandom(12)).decode()
        self.name = ""
        """Empty until it is known. Only then the call begins."""
        self.again = False
        """The name came once more behind the arguments: what follows belongs to another call."""
        self.void = False
        """The answer was begun anew, and this call has not come again."""
        self.extra: Any = None
        """A note of the decoder's own."""
        self.clear()

    def clear(self) -> None:
        """Forget the arguments."""
        self._pieces: list[str] = []
        self._halves = Halves()
        self._reader: ToolArgStream | None = None
        self._read = 0  # pieces that the reader has seen

    @property
    def text(self) -> str:
        """The arguments so far."""
        return "".join(self._pieces)

    @property
    def pieces(self) -> int:
        """How many pieces the arguments have come in so far."""
        return len(self._pieces) + bool(self._halves.held)

    @property
    def complete(self) -> bool:
        """True once the arguments are a whole object. Asking costs what came since it was asked."""
        reader = self._reader = self._reader or ToolArgStream("")
        for piece in self._pieces[self._read :]:
            reader.feed(piece)
        self._read = len(self._pieces)
        return reader.done

    def take(self, text: str) -> str:
        """Add to the arguments; returns what are whole characters now."""
        if self._halves.held or not text.isascii():
            text = self._halves.feed(text)
        if text:
            self._pieces.append(text)
        return text

    def drop(self) -> None:
        """Forget a half of a character that waits for the other."""
        self._halves.held = ""

    def flush(self) -> str:
        """Take the half of a character that nothing followed; returns what became of it."""
        lone = self._halves.flush()
        if lone:
            self._pieces.append(lone)
        return lone


class Calls:
    """The calls of one answer. What its methods find out they add to `events`.

    `own_names` leads from names of tools that had to be changed for the wire to their own.
    """

    __slots__ = (
        *("_at", "_free", "_ids", "_indices", "_items", "_lacking", "_last", "_own_names"),
        *("all", "begun"),
    )

    def __init__(self, own_names: Mapping[str, str] = MappingProxyType({})) -> None:
        self.all: list[Call] = []
        """In the order in which they came; those without a name are in doubt."""
        self.begun = False
        """True once a call has begun."""
        self._own_names = own_names
        self._indices: set[int] = set()
        self._free = 0  # all indices from here on are free
        self._lacking: dict[int, Call] = {}  # by index: at least those that are not complete
        self._items: dict[str, Call] = {}
        self._ids: dict[str | tuple[int, str], Call] = {}  # the last with an id; and at a place
        self._at: dict[int, Call] = {}  # the last at a place
        self._last: Call | None = None

    def piece(
        self,
        events: list[StreamEvent],
        place: int | None = None,
        id: str = "",
        name: str = "",
        text: str = "",
        item: str = "",
    ) -> Call | None:
        """A piece came. Returns its call, which it may have begun; None for one that has neither
        an address nor a name, and nothing before it."""
        id, name = joined(id), _readable(name)
        call = self.known(place, id, item)
        if call is None and place is None:
            call = self._next_in_order(id, name)
        if call is not None and name and call.name:
            if self._is_another(call, place, id, name, text):
                call = None
            else:
                text = self._name_again(call, id, name, text, events)
        elif call is not None and call.again and text and not text.isspace():
            name, call = call.name, None
        if call is None:
            if place is None and not (id or name or item):
                return None
            call = self._new(place, id, item)
        elif id:
            self._meet(call, place, id)
        self._last = call
        if name and not call.name:
            self._begin(call, name, events)
        self.add(call, text, events)
        return call

    def begin(
        self, events: list[StreamEvent], place: int | None, id: str, name: str, item: str = ""
    ) -> Call:
        """The server says that a call begins here. Returns another one, unless it is known by its
        item, has only lacked this name, or takes the place of one that is void or unfinished."""
        id, name = joined(id), _readable(name)
        here = self._at.get(place) if place is not None else None
        call = self._items.get(item)
        if call is None and here is not None and (here.void or not here.name):
            call = here
        if call is None and id:
            call = self._ids.get(id if place is None else (place, id))
            if call is not None and call.complete:
                call = None
        if call is None:
            call = self._new(place, id, item)
        elif item:
            self._items[item] = call
        self._last = call
        if not call.name:
            if name:
                self._begin(call, name, events)
        elif call.void or call.name != name or (call.pieces and not call.complete):
            self._begin_again(call, name, events)
        return call

    def known(self, place: int | None, id: str = "", item: str = "") -> Call | None:
        """The call that an address means; None for one that has not come."""
        here = self._at.get(place) if place is not None else None
        return self.addressed(place, id, item) or here

    def addressed(self, place: int | None, id: str = "", item: str = "") -> Call | None:
        """As `known`, by the ids alone. At a place where calls have come the id of one counts only
        there."""
        if item and item in self._items:
            return self._items[item]
        return self._ids.get(id if place not in self._at else (place, id)) if id else None

    def add(self, call: Call, text: str, events: list[StreamEvent]) -> None:
        """Arguments of this very call came."""
        if text and (text := call.take(text)) and call.name:
            events.append(ToolInputDelta(call.index, call.id, text))

    def finish(self, call: Call, text: str, events: list[StreamEvent]) -> None:
        """The whole arguments of this call came: what is missing is told, what differs is replaced.

        Empty ones, and ones that are no JSON, replace nothing.
        """
        text, told = joined(text), call.text
        if text.startswith(told):
            call.drop()
            self.add(call, text[len(told) :], events)
        elif (value := _value(text)) and value != _value(told):
            self._begin_again(call, call.name, events)
            self.add(call, text, events)

    def restart(self) -> None:
        """The answer is begun anew: calls that come now replace the ones at their places."""
        for call in self.all:
            call.void = True

    def lacking(self) -> list[Call]:
        """The calls whose arguments are not complete."""
        self._lacking = {i: call for i, call in self._lacking.items() if not call.complete}
        return [call for call in self._lacking.values() if call.name]

    def close(self, events: list[StreamEvent]) -> str | None:
        """Nothing more comes. Returns in words what makes the answer useless, if something does."""
        for call in self.all:
            self._flush(call, events)
        if any(call.void and call.name for call in self.all):
            return "the answer was begun anew, without a call that it had made"
        stray = [call for call in self.all if not call.name and call.pieces]
        lacking = self.lacking() if stray else []
        if len(stray) == len(lacking) == 1:
            self.add(lacking[0], stray[0].text, events)
        elif lacking:
            return "arguments came of which it is not clear whose they are"
        else:
            for call in stray:  # no such tool, which the model is to hear
                self._begin(call, "", events)
        return None

    def _next_in_order(self, id: str, name: str) -> Call | None:
        """The call that a piece without a place, of no call that is known, goes on with."""
        last = self._last
        if last is None or (id and (name or last.complete)):
            return None
        return last

    def _is_another(self, call: Call, place: int | None, id: str, name: str, text: str) -> bool:
        """True if a name, where a call with a name is, begins another call."""
        if place is not None and place not in self._at:  # known by its id, from another place
            return name != call.name or call.complete
        other_id = bool(id and call.wire_id and id != call.wire_id)
        if name != call.name:
            return call.pieces > 0 or other_id or (place is None and not id)
        if not call.complete:
            return other_id and not text
        if other_id or not text or text.isspace():
            return other_id
        return not id or text != call.text  # with the same id and arguments it is told again

    def _name_again(
        self, call: Call, id: str, name: str, text: str, events: list[StreamEvent]
    ) -> str:
        """A name came that begins no other call. Returns the arguments that are new."""
        if name != call.name:
            whole = name.startswith(call.name)
            self._begin_again(call, name if whole else call.name + name, events)
        elif call.complete:
            call.again = not id
            return "" if text == call.text else text
        return text

    def _new(self, place: int | None, id: str, item: str) -> Call:
        index = place
        if index is None or index in self._indices:
            index = self._free
        call = Call(index, place, id)
        self.all.append(call)
        self._indices.add(index)
        self._free = max(self._free, index + 1)
        self._lacking[index] = call
        self._at[index if place is None else place] = call
        if id:
            self._ids[id] = call
            if place is not None:
                self._ids[place, id] = call
        if item:
            self._items[item] = call
        return call

    def _meet(self, call: Call, place: int | None, id: str) -> None:
        """A call that is known came under this id, perhaps a new one."""
        call.wire_id = call.wire_id or id
        self._ids.setdefault(id, call)
        if place is not None:
            self._ids.setdefault((place, id), call)

    def _begin(self, call: Call, name: str, events: list[StreamEvent]) -> None:
        self.begun = True
        call.name = name
        events.append(ToolUseStart(call.index, call.id, self._own_names.get(name, name)))
        if text := call.text:
            events.append(ToolInputDelta(call.index, call.id, text))

    def _begin_again(self, call: Call, name: str, events: list[StreamEvent]) -> None:
        call.clear()
        call.void = False
        self._lacking[call.index] = call
        self._begin(call, name, events)

    def _flush(self, call: Call, events: list[StreamEvent]) -> None:
        if (lone := call.flush()) and call.name:
            events.append(ToolInputDelta(call.index, call.id, lone))


def _readable(name: str) -> str:
    """A name without what a template has left behind it, as in `look<|channel|>commentary`."""
    return joined(name.partition("<|")[0].strip() or name)


def _value(text: str) -> Any:
    """The value of JSON text; None for what is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
