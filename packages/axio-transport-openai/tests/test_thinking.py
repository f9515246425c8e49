"""`<think>` tags, and the switch that asks for thinking."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import Any

from hypothesis import given, strategies as st

from axio.models import Capability, ModelSpec
from axio_transport_openai import OpenAITransport, ThinkingMixin, ThinkTagParser
from axio_transport_openai.nebius import NebiusTransport

THINKER = ModelSpec("thinker", frozenset({Capability.reasoning}))


def parsed(pieces: list[str]) -> list[tuple[str, str]]:
    parser = ThinkTagParser()
    found = [piece for delta in pieces for piece in parser.feed(delta)] + parser.flush()
    assert all(text for _, text in found)
    return [(kind, "".join(text for _, text in group)) for kind, group in groupby(found, by_kind)]


def by_kind(piece: tuple[str, str]) -> str:
    return piece[0]


def test_what_is_between_the_tags_is_reasoning() -> None:
    text = "a<think>b</think>c<think>d</think>"
    assert parsed([text]) == [("text", "a"), ("reasoning", "b"), ("text", "c"), ("reasoning", "d")]


def test_only_a_possible_tag_is_held_back() -> None:
    parser = ThinkTagParser()
    assert parser.feed("a <thi") == [("text", "a ")]
    assert parser.feed("s is") == [("text", "<this is")]
    assert parser.feed(" 1 < 2 <") == [("text", " 1 < 2 ")]
    assert parser.flush() == [("text", "<")]
    assert parser.flush() == []


def test_a_tag_that_never_closes_leaves_reasoning() -> None:
    assert parsed(["<think>", "a", "</thin"]) == [("reasoning", "a</thin")]


def test_tags_of_the_other_kind_are_what_they_are_within() -> None:
    assert parsed(["</think><think><think>x</think>"]) == [
        ("text", "</think>"),
        ("reasoning", "<think>x"),
    ]


WORDS = ["<think>", "</think>", "<", "thi", "nk>", "/", "a", ">"]
TEXTS = st.lists(st.sampled_from(WORDS), max_size=12)


@given(TEXTS.map("".join), st.data())
def test_where_the_text_is_cut_changes_nothing(text: str, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(text)), max_size=8).map(sorted))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert parsed(pieces) == parsed([text]) == parsed(list(text))


def payload(transport: Any) -> dict[str, Any]:
    built: dict[str, Any] = transport.build_payload([], [], "")
    return built


def test_thinking_is_asked_of_models_that_can() -> None:
    assert payload(NebiusTransport(model=THINKER, thinking=True))["enable_thinking"] is True
    assert "enable_thinking" not in payload(NebiusTransport(model=THINKER))
    other = ModelSpec("other")
    assert "enable_thinking" not in payload(NebiusTransport(model=other, thinking=True))


def test_the_caller_s_own_setting_wins() -> None:
    transport = NebiusTransport(
        model=THINKER, thinking=True, extra_params={"enable_thinking": False}
    )
    assert payload(transport)["enable_thinking"] is False


def test_the_switch_is_stored_only_when_it_is_on() -> None:
    stored = NebiusTransport(thinking=True).to_dict()
    assert stored["thinking"] is True
    assert NebiusTransport.from_dict(stored).thinking is True
    assert "thinking" not in NebiusTransport().to_dict()
    assert NebiusTransport.from_dict({}).thinking is False


def test_a_transport_of_one_s_own_can_have_the_switch() -> None:
    @dataclass
    class Mine(ThinkingMixin, OpenAITransport):
        thinking: bool = False

    assert payload(Mine(model=THINKER, thinking=True))["enable_thinking"] is True
