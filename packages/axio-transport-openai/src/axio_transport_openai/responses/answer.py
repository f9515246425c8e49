"""An answer told item by item, and what of it has to be kept. Pure.

Pieces are told as they come. Where an item ends, and in the list of items at the end of the answer,
only what was not told yet is added: `told` knows the items, `axio.wire.calls` the calls.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from axio.blocks import ReasoningBlock
from axio.events import ReasoningDelta, ReasoningEnd, StreamEvent, TextDelta
from axio.surrogates import Halves, joined
from axio.types import JSONObject
from axio.wire.calls import Call, Calls
from axio.wire.lenient import text_in, text_of
from axio_transport_openai.responses.items import (
    arguments_text,
    frame_of,
    generated_image,
    message_text,
    reasoning_text,
    runs_here,
)
from axio_transport_openai.responses.payloads import Event
from axio_transport_openai.responses.told import Item, Items

__all__ = ("Answer",)

_CUSTOM = '{"input": "'
"""How arguments begin that are any text: to axio that is the argument `input`."""


class Answer:
    """The answer so far. Methods add to `events`; an item is a JSON object with a type."""

    def __init__(self, provider: str, own_names: Mapping[str, str], *, keeps_raw: bool) -> None:
        self.telling: Item | None = None
        """The message whose text comes, as long as nothing about it is odd: then a piece with the
        same `item_id` and `place` goes to its `told` and needs no more."""
        self.item_id: Any = None
        self.place: int | None = None
        self.calls = Calls(own_names)
        self._provider = provider
        self._keeps_raw = keeps_raw
        self._items = Items()
        self._ended: set[int] = set()  # indices of calls whose last word came
        self._given: dict[int, str] = {}  # by index: arguments that came before their time
        self._listed: set[int] = set()  # indices of calls that the list at the end holds
        self._alike: dict[tuple[str, str], list[Call]] | None = None  # by name and arguments
        self._text_halves = Halves()
        self._reasoning_halves = Halves()
        self._kept = False

    @property
    def begun(self) -> bool:
        """True once there is an item, even an empty one."""
        return bool(self._items.all or self.calls.all)

    @property
    def told(self) -> bool:
        """True once there is something to show, to do or to keep."""
        return self.calls.begun or self._kept or any(item.told for item in self._items.all)

    def text(self, event: Event, text: Any, events: list[StreamEvent]) -> None:
        """A piece of a message."""
        if text and isinstance(text, str):
            item = self._item("message", event)
            self._say(item, text, events)
            self.telling = None if self._text_halves.held else item
            self.item_id, self.place = event.item_id, event.output_index

    def reasoning(self, event: Event, text: Any, events: list[StreamEvent]) -> None:
        """A piece of reasoning. The parts of one summary are paragraphs with titles."""
        if text and isinstance(text, str):
            item = self._item("reasoning", event)
            if item.told and item.part is not None and event.summary_index != item.part:
                text = "\n\n" + text
            item.part = event.summary_index
            self._think(item, text, events)

    def whole_text(self, event: Event, events: list[StreamEvent]) -> None:
        """The whole text of a part of a message."""
        if not self._item("message", event).told:
            self.text(event, event.text, events)

    def whole_reasoning(self, event: Event, events: list[StreamEvent]) -> None:
        """The whole text of a part of reasoning."""
        if not self._item("reasoning", event).told:
            self.reasoning(event, event.text, events)

    def arguments(self, event: Event, text: Any, events: list[StreamEvent]) -> None:
        """A piece of the arguments of a call."""
        if text and isinstance(text, str):
            item = text_of(event.item_id)
            self.calls.piece(events, event.output_index, text=text, item=item)

    def custom_input(self, event: Event, text: Any, events: list[StreamEvent]) -> None:
        """A piece of the input of a custom tool."""
        if text and isinstance(text, str):
            call = self.calls.known(event.output_index, "", text_of(event.item_id))
            begins = call is None or not call.pieces
            self.arguments(event, (_CUSTOM if begins else "") + json.dumps(text)[1:-1], events)

    def whole_arguments(self, event: Event, events: list[StreamEvent]) -> None:
        """All arguments of a call."""
        call = self.calls.known(event.output_index, "", text_of(event.item_id))
        if call is not None and isinstance(event.arguments, str):
            self.calls.finish(call, event.arguments, events)

    def start(self, item: JSONObject, place: int | None, events: list[StreamEvent]) -> None:
        """An item begins."""
        id, call_id, name = _address(item)
        if _is_call(item):
            call = self.calls.begin(events, place, call_id, name, id)
            self._given[call.index] = arguments_text(item)
        else:
            self.telling = None
            self._items.announced(item["type"], id, place)

    def end(self, item: JSONObject, place: int | None, events: list[StreamEvent]) -> None:
        """An item is over, and here is all of it."""
        if _is_call(item):
            self._end_call(self._call_at(item, place), item, place, events)
        else:
            text = _text_of(item)
            found = self._items.ended(item["type"], text_in(item, "id"), place, text)
            self._complete(found, item, text, events)

    def listed(self, item: JSONObject, place: int, events: list[StreamEvent]) -> None:
        """An item stands at this place of the list at the end, where places may have shifted."""
        if _is_call(item):
            call = self._end_call(self._listed_call(item, place), item, place, events)
            if call is not None:
                self._listed.add(call.index)
        else:
            text = _text_of(item)
            found = self._items.listed(item["type"], text_in(item, "id"), place, text)
            self._complete(found, item, text, events)

    def close(self, events: list[StreamEvent]) -> str | None:
        """Nothing more comes. Returns in words what makes the answer useless, if something does."""
        for call in self.calls.all:
            if not call.pieces and (given := self._given.get(call.index)):
                self.calls.add(call, given, events)
        self.flush(events)
        return self.calls.close(events)

    def flush(self, events: list[StreamEvent]) -> None:
        """The halves of characters that nothing followed."""
        if text := self._text_halves.flush():
            events.append(TextDelta(0, text))
        if text := self._reasoning_halves.flush():
            events.append(ReasoningDelta(0, text))

    def _item(self, kind: str, event: Event) -> Item:
        return self._items.of(kind, text_of(event.item_id), event.output_index)

    def _say(self, item: Item, text: str, events: list[StreamEvent]) -> None:
        if text := self._text_halves.feed(text):
            item.told.append(text)
            events.append(TextDelta(0, text))

    def _think(self, item: Item, text: str, events: list[StreamEvent]) -> None:
        if text := self._reasoning_halves.feed(text):
            item.told.append(text)
            events.append(ReasoningDelta(0, text))

    def _complete(
        self, found: Item, item: JSONObject, text: str, events: list[StreamEvent]
    ) -> None:
        """Tell the rest of an item, and keep what has to be kept."""
        self.telling = None
        told = found.text
        if len(text) > len(told) and text.startswith(told):
            if item["type"] == "reasoning":
                self._reasoning_halves.held = ""  # it is in the rest, with its other half
                self._think(found, text[len(told) :], events)
            else:
                self._text_halves.held = ""
                self._say(found, text[len(told) :], events)
        if found.done:
            return
        found.done = True
        match item["type"]:
            case "message":
                self._keep_frame(item, events)
            case "reasoning":
                if item.get("encrypted_content") or (text and self._keeps_raw):
                    self._keep(item, events, text)
            case "image_generation_call":
                if (image := generated_image(item)) is not None:
                    events.append(image)
                    self._keep_frame(item, events)
            case _:
                self._keep(item, events)

    def _call_at(self, item: JSONObject, place: int | None) -> Call | None:
        """The call that is over; None for one that had not begun."""
        id, call_id, name = _address(item)
        call = self.calls.addressed(place, call_id, id)
        if call is None:
            here = self.calls.known(place)
            if here is not None and here.name in ("", name) and here.index not in self._ended:
                call = here
        return call

    def _listed_call(self, item: JSONObject, place: int) -> Call | None:
        """The call that is listed; None for one that had not begun."""
        id, call_id, name = _address(item)
        call = self.calls.addressed(None, call_id, id)
        here = self.calls.known(place)
        if call is None and here is not None and not (call_id and here.wire_id):
            call = here if here.name in ("", name) else None
        return call or self._like(name, arguments_text(item))

    def _like(self, name: str, text: str) -> Call | None:
        """The first call of this name with these arguments that was not listed yet."""
        if self._alike is None:
            self._alike = {}
            for call in reversed(self.calls.all):
                self._alike.setdefault((call.name, call.text), []).append(call)
        alike = self._alike.get((name, text), [])
        while alike and alike[-1].index in self._listed:
            alike.pop()
        return alike[-1] if alike else None

    def _end_call(
        self, call: Call | None, item: JSONObject, place: int | None, events: list[StreamEvent]
    ) -> Call | None:
        """All of a call, which it may have begun. Returns it; None for one without a name."""
        id, call_id, name = _address(item)
        if call is None or not call.name:
            if not name:
                return None
            call = self.calls.begin(events, place, call_id, name, id)
        text = arguments_text(item)
        if item["type"] == "custom_tool_call" and not item.get("input"):
            text = call.text if call.complete else (call.text or _CUSTOM) + '"}'
        elif item["type"] not in ("custom_tool_call", "function_call"):
            text = text or "{}"
        self.calls.finish(call, text, events)
        if call.index not in self._ended:
            self._ended.add(call.index)
            self._keep_frame(item, events)
        return call

    def _keep_frame(self, item: JSONObject, events: list[StreamEvent]) -> None:
        if (frame := frame_of(item)) is not None:
            self._keep(frame, events)

    def _keep(self, data: JSONObject, events: list[StreamEvent], text: str = "") -> None:
        self._kept = True
        events.append(ReasoningEnd(0, ReasoningBlock(text, self._provider, data)))


def _is_call(item: Mapping[str, Any]) -> bool:
    """True for a call that the caller has to run."""
    return item["type"] in ("function_call", "custom_tool_call") or runs_here(item)


def _address(item: Mapping[str, Any]) -> tuple[str, str, str]:
    """The item's id, the call's id and the tool's name, each empty where it is missing."""
    kind = item["type"]
    id = text_in(item, "id")
    name = item.get("name") if kind in ("function_call", "custom_tool_call") else kind
    return id, text_in(item, "call_id") or id, text_of(name)


def _text_of(item: Mapping[str, Any]) -> str:
    """All that an item says, as it is told."""
    kind = item["type"]
    if kind == "reasoning":
        return joined(reasoning_text(item))
    return joined(message_text(item)) if kind == "message" else ""
