"""One answer, as servers with different habits send it over the chat wire, is one answer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import assume, given, strategies as st

from axio.types import StopReason
from axio_transport_openai.decode import ChatDecoder
from support.odd_streams import Seen
from support.pieces import cut


@dataclass(frozen=True)
class Server:
    """The habits of a server."""

    index: str  # of a call: own, zero, none, digits
    ids: (
        str  # of a call: first (in the first piece), every (in every piece), none, fresh (new ones)
    )
    names: str  # first, every
    reasoning: str  # the field, or "tags" in the text
    told: int  # so many items of the answer come in pieces, the rest in a whole message behind
    finish: str


@dataclass(frozen=True)
class Answer:
    reasoning: str
    text: str
    calls: list[tuple[str, str]]


def delta(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields}]}


def call_pieces(server: Server, number: int, parts: list[str], name: str) -> Iterator[Any]:
    for at, part in enumerate(parts):
        function = {"arguments": part}
        if at == 0 or server.names == "every":
            function["name"] = name
        piece: dict[str, Any] = {"function": function}
        if server.index != "none":
            place = {"own": number, "zero": 0, "digits": str(number)}[server.index]
            piece["index"] = place
        if server.ids == "every" or (server.ids == "first" and at == 0):
            piece["id"] = f"call{number}"
        elif server.ids == "fresh":
            piece["id"] = f"call{number}.{at}"
        yield delta(tool_calls=[piece])


def sent_by(server: Server, answer: Answer, cuts: list[int]) -> Iterator[Any]:
    for part in cut(answer.reasoning, cuts):
        if server.reasoning != "tags":
            yield delta(**{server.reasoning: part})
    thought = answer.reasoning if server.reasoning == "tags" else ""
    said = f"<think>{thought}</think>{answer.text}" if thought else answer.text
    pieces = cut(said, cuts)
    for part in pieces if server.told else pieces[:-1]:
        yield delta(content=part)
    for number, (name, text) in enumerate(answer.calls[: max(server.told - 1, 0)]):
        yield from call_pieces(server, number, cut(text, cuts), name)
    if server.told <= len(answer.calls):
        calls = [
            {"id": f"call{number}", "function": {"name": name, "arguments": text}}
            for number, (name, text) in enumerate(answer.calls)
        ]
        message = {"role": "assistant", "content": said, "tool_calls": calls}
        yield {"choices": [{"index": 0, "message": message}]}
    yield {"choices": [{"index": 0, "delta": {}, "finish_reason": server.finish}]}


WORDS = st.text(st.sampled_from("ab <\u00e9\U0001f600\U0001f601"), max_size=8)
SERVERS = st.builds(
    Server,
    index=st.sampled_from(["own", "zero", "none", "digits"]),
    ids=st.sampled_from(["first", "every", "none", "fresh"]),
    names=st.sampled_from(["first", "every"]),
    reasoning=st.sampled_from(["reasoning_content", "reasoning", "reasoning_text", "tags"]),
    told=st.integers(0, 4),
    finish=st.sampled_from(["tool_calls", "TOOL_USE", "function_call"]),
)
ANSWERS = st.builds(
    Answer,
    WORDS,
    WORDS,
    st.lists(
        st.tuples(
            st.sampled_from(["look", "find"]),
            WORDS.map(lambda text: json.dumps({"for": text}, ensure_ascii=False)),
        ),
        max_size=3,
    ),
)


@given(SERVERS, ANSWERS, st.lists(st.integers(0, 40), max_size=4))
def test_an_answer_is_the_same_from_all_servers(
    server: Server, answer: Answer, cuts: list[int]
) -> None:
    counted = server.index in ("own", "digits")
    assume(counted or server.ids != "fresh")  # then nothing tells two calls from one
    whole = server.told <= len(answer.calls)
    assume(not whole or (server.ids != "fresh" and answer.text.strip()))
    first, second, *_ = [*cut(answer.reasoning, cuts), "", ""]
    assume(not second.startswith(first or "none"))  # such pieces are taken for ones that grow
    decoder = ChatDecoder()
    body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in sent_by(server, answer, cuts))
    outcome = Seen()
    for event in [*decoder.feed(f"{body}data: [DONE]\n\n".encode()), *decoder.close()]:
        outcome.take(event)
    assert outcome.text == answer.text
    assert outcome.reasoning == answer.reasoning
    assert [(name, text) for name, text in outcome.calls.values()] == answer.calls
    assert outcome.stop is StopReason.tool_use
    (outcome.text + outcome.reasoning).encode()
