"""Which item a piece of a response belongs to, and that the last word completes what was told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio.events import ReasoningEnd, StreamEvent
from axio.exceptions import ProtocolError
from axio.types import StopReason
from axio_transport_openai.responses import ResponsesDecoder
from support.odd_streams import Seen, calls
from support.pieces import cut

Event = dict[str, Any]
ROME, OSLO = '{"town":"Rome"}', '{"town":"Oslo"}'


def events_of(*sent: Event) -> list[StreamEvent]:
    decoder = ResponsesDecoder()
    body = "".join(f"data: {json.dumps(event)}\n\n" for event in sent)
    return [*decoder.feed(body.encode()), *decoder.close()]


def seen(*sent: Event) -> Seen:
    outcome = Seen()
    for event in events_of(*sent):
        outcome.take(event)
    return outcome


def added(item: Event, place: int | None = None) -> Event:
    return {"type": "response.output_item.added", "output_index": place, "item": item}


def over(item: Event, place: int | None = None) -> Event:
    return {"type": "response.output_item.done", "output_index": place, "item": item}


def piece(kind: str, text: str, place: int | None = None, id: str | None = None) -> Event:
    names = {
        "message": "output_text",
        "reasoning": "reasoning_text",
        "function_call": "function_call_arguments",
    }
    type = f"response.{names[kind]}.delta"
    return {"type": type, "output_index": place, "item_id": id, "delta": text}


def completed(*output: Event, **more: Any) -> Event:
    response = {"status": "completed", "output": list(output), **more}
    return {"type": "response.completed", "response": response}


def message(text: str, id: str | None = None) -> Event:
    return {"type": "message", "id": id, "content": [{"type": "output_text", "text": text}]}


def thought(text: str, id: str | None = None) -> Event:
    content = [{"type": "reasoning_text", "text": text}]
    return {"type": "reasoning", "id": id, "summary": [], "content": content}


def call(text: str, id: str | None = None, call_id: str | None = None, name: str = "map") -> Event:
    return {"type": "function_call", "id": id, "call_id": call_id, "name": name, "arguments": text}


# ── the last word completes ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "sent",
    [
        # pieces without any address, all of them listed at the end
        [piece("message", "Good "), piece("message", "day"), completed(message("Good day", "m"))],
        # without the one or the other
        [piece("message", "Good day", 0), completed(message("Good day", "m"))],
        [piece("message", "Good day", None, "m"), completed(message("Good day"))],
        # another id with every event
        [
            *(piece("message", "Good ", 0, "a"), piece("message", "day", 0, "b")),
            *(over(message("Good day", "c"), 0), completed(message("Good day", "d"))),
        ],
        # the rest stands in the event that ends the item, or only in the last one
        [piece("message", "Good", 0, "m"), over(message("Good day", "m"), 0), completed()],
        [piece("message", "Good", 0, "m"), completed(message("Good day", "m"))],
        [piece("message", "Good"), completed(message("Good day"))],
        [added(message("", "m"), 0), completed(message("Good day", "m"))],
        [over(message("Good day", "m"), 0), completed(message("Good day", "m"))],
        # a message that was told, and another one
        [piece("message", "Good ", 0, "m"), completed(message("Good ", "m"), message("day", "n"))],
        [piece("message", "Good ", 0, "m"), completed(message("day", "n"))],
        [piece("message", "Good day"), completed(message("Good "), message("day"))],
        # all at one place, and other ids in the list
        [
            *(over(message("Good ", "a"), 0), added(message("", "b"), 0)),
            completed(message("Good ", "c"), message("day", "d")),
        ],
        # announced one after the other without any address
        [
            *(added(message("")), piece("message", "G"), added(message(""))),
            *(piece("message", "oo"), piece("message", "d day", None, "m")),
            completed(message("G"), message("oo"), message("d day")),
        ],
        # the list at the end has lost blanks
        [piece("message", "Good day", 0, "m"), completed(message(" Good day\n", "other"))],
        [over(message("Good day"), 0), completed(thought(""), message("Good day"))],
    ],
)
def test_every_word_of_an_answer_is_told_once(sent: list[Event]) -> None:
    outcome = seen(*sent)
    assert outcome.text == "Good day"
    assert outcome.stop is StopReason.end_turn


def test_reasoning_is_told_once_and_kept_once() -> None:
    item = {**thought("mulling"), "encrypted_content": "sealed", "id": "r"}
    events = events_of(
        piece("reasoning", "mul", 0, "r"), over(item, 0), completed(item, message("so"))
    )
    outcome = Seen()
    for event in events:
        outcome.take(event)
    assert (outcome.reasoning, outcome.text) == ("mulling", "so")
    assert len([event for event in events if isinstance(event, ReasoningEnd)]) == 1


@pytest.mark.parametrize(
    "sent",
    [
        [piece("function_call", '{"town"', 0, "f"), over(call(ROME, "f", "c"), 0)],
        [piece("function_call", '{"city":"', 0, "f"), over(call(ROME, "f", "c"), 0)],
        [piece("function_call", OSLO, 0, "f"), over(call(ROME, "f", "c"), 0)],
        [completed(call(ROME, "f", "c"))],
        [over(call(ROME, "f", "c2"), 0)],
        [over(call(ROME, None, "c"), 0), completed(call(ROME, None, "c"))],
        [over(call(ROME, "other", "c"), 0), completed(call(ROME, "third", "c"))],
        [piece("function_call", ROME, 3)],
        [piece("function_call", ROME)],
        [piece("function_call", ROME, None, "f")],
        [piece("function_call", ROME, 0, "f"), over(call("", "f", "c"), 0)],
        [piece("function_call", ROME, 0, "f"), completed(thought(""), call(ROME, "f", "c"))],
    ],
)
def test_a_call_is_one_and_runs_with_the_last_arguments(sent: list[Event]) -> None:
    outcome = seen(added(call("", "f", "c"), 0), *sent, completed())
    assert calls(outcome) == [("map", ROME)]
    assert [id for _, id in outcome.calls] == ["c"]
    assert outcome.stop is StopReason.tool_use


@pytest.mark.parametrize("places", [(0, 0), (0, 1), (None, None), (4, 2)])
def test_pieces_go_to_the_call_of_their_item(places: tuple[int | None, int | None]) -> None:
    here, there = places
    outcome = seen(
        *(added(call("", "f", "c"), here), added(call("", "g", "d"), there)),
        *(piece("function_call", '{"town":', there, "g"), piece("function_call", ROME, here, "f")),
        *(piece("function_call", '"Oslo"}', there, "g"), completed()),
    )
    assert calls(outcome) == [("map", ROME), ("map", OSLO)]


def test_a_call_after_words_counts_even_if_only_the_last_event_has_it() -> None:
    outcome = seen(piece("message", "Wait. ", 0, "m"), completed(message("Wait. "), call(ROME)))
    assert outcome.text == "Wait. "
    assert calls(outcome) == [("map", ROME)]
    assert outcome.stop is StopReason.tool_use


def test_items_of_different_kinds_may_be_at_one_place() -> None:
    outcome = seen(
        *(added(thought("", "r"), 0), piece("reasoning", "mulling", 0, "r")),
        *(over(thought("mulling", "r"), 0), over(message("so", "m"), 0)),
        *(added(call("", "f", "c"), 0), piece("function_call", ROME, 0, "f"), completed()),
    )
    assert (outcome.reasoning, outcome.text) == ("mulling", "so")
    assert calls(outcome) == [("map", ROME)]


def test_arguments_of_which_it_is_not_clear_whose_they_are_run_nothing() -> None:
    *_, last = events_of(
        *(added(call("", "f", "c"), 0), added(call("", "g", "d"), 1)),
        *(piece("function_call", ROME, 7, "h"), completed()),
    )
    assert isinstance(last.exception, ProtocolError)  # type: ignore[union-attr]


# ── servers at random ─────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Server:
    """How a server addresses its items, and which of its events it leaves out."""

    address: str  # which fields say it: both, id, place, zero (all at 0), fresh (new ids), none
    announces: bool
    ends: bool
    lists: str  # all, nothing, shifted (without reasoning), anew (with other ids)
    other_call_ids: bool  # in the events that end a call


def fields(server: Server, number: int, event: int) -> tuple[int | None, str | None]:
    """Place and id of an item in its nth event."""
    return {
        "both": (number, f"item{number}"),
        "id": (None, f"item{number}"),
        "place": (number, None),
        "zero": (0, f"item{number}"),
        "fresh": (number, f"item{number}.{event}"),
        "none": (None, None),
    }[server.address]


def whole(kind: str, number: int, text: str, id: str | None, call_id: str) -> Event:
    if kind == "function_call":
        return call(text, id, call_id, f"tool{number % 2}")
    return message(text, id) if kind == "message" else thought(text, id)


def sent_by(
    server: Server, items: list[tuple[str, str]], cuts: list[int], told: int
) -> Iterator[Event]:
    """The events of an answer; from the item `told` on only the last event has the contents."""
    for number, (kind, text) in enumerate(items[: told + 1]):
        place, id = fields(server, number, 0)
        if server.announces or kind == "function_call":
            yield added(whole(kind, number, "", id, f"call{number}"), place)
        pieces = cut(text, cuts)
        for event, part in enumerate(pieces if number < told else pieces[:-1]):
            place, id = fields(server, number, event + 1)
            yield piece(kind, part, place, id)
        if server.ends and number < told:
            place, id = fields(server, number, 99)
            known = server.address in ("both", "id", "zero")
            other = "x" if server.other_call_ids and known else ""
            yield over(whole(kind, number, text, id, f"call{number}{other}"), place)
    untold = {kind for kind, _ in items[told:]}
    output = []
    for number, (kind, text) in enumerate(items):
        if server.lists == "shifted" and kind == "reasoning" and kind not in untold:
            continue
        id = fields(server, number, 100)[1]
        id = f"listed{number}" if server.lists == "anew" else id
        output.append(whole(kind, number, text, id, f"call{number}"))
    yield completed(*(() if server.lists == "nothing" else output))


SERVERS = st.builds(
    Server,
    address=st.sampled_from(["both", "id", "place", "zero", "fresh", "none"]),
    announces=st.booleans(),
    ends=st.booleans(),
    lists=st.sampled_from(["all", "nothing", "shifted", "anew"]),
    other_call_ids=st.booleans(),
)
WORDS = st.text(st.sampled_from("ab\u00e9\U0001f600\U0001f601"), min_size=1, max_size=6)
ITEMS = st.one_of(
    st.tuples(st.sampled_from(["message", "reasoning"]), WORDS),
    st.tuples(
        st.just("function_call"),
        WORDS.map(lambda text: json.dumps({"town": text}, ensure_ascii=False)),
    ),
)


@given(
    SERVERS,
    st.lists(ITEMS, min_size=1, max_size=5),
    st.lists(st.integers(0, 30), max_size=4),
    st.integers(0, 5),
)
def test_an_answer_is_the_same_from_all_servers(
    server: Server, items: list[tuple[str, str]], cuts: list[int], told: int
) -> None:
    if server.lists == "nothing" or (server.address == "none" and not server.ends):
        told = len(items)  # nothing else could tell the rest
    outcome = seen(*sent_by(server, items, cuts, min(told, len(items))))
    assert outcome.text == "".join(text for kind, text in items if kind == "message")
    assert outcome.reasoning == "".join(text for kind, text in items if kind == "reasoning")
    wanted = [
        (f"tool{number % 2}", text)
        for number, (kind, text) in enumerate(items)
        if kind == "function_call"
    ]
    assert calls(outcome) == wanted
    assert outcome.stop is (StopReason.tool_use if wanted else StopReason.end_turn)
    (outcome.text + outcome.reasoning).encode()
