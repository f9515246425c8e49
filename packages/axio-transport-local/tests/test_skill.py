"""Lessons from the examples of a tool, and from a tool without any."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from axio import Tool
from axio_transport_local.examples import MAX_EXAMPLES, accepted
from axio_transport_local.skill import Skill, Slot, skill_of


async def _handler(**_: Any) -> str:
    return ""


def skill(examples: Any, *, description: str = "Does it.", **properties: Any) -> Skill:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    schema_view = MappingProxyType(schema)
    return skill_of(Tool("do_it", _handler, description, schema=schema_view, examples=examples))


def slot(skill: Skill, name: str) -> Slot:
    return next(slot for slot in skill.slots if slot.parameter.name == name)


TEXT = {"type": "string"}


def test_a_copied_argument_is_known_by_its_looks_and_its_neighbours() -> None:
    learned = skill(
        [("mail ann@a.org about Lunch", {"to": "ann@a.org", "subject": "Lunch"})],
        to=TEXT,
        subject=TEXT,
    )
    to, subject = slot(learned, "to"), slot(learned, "subject")
    assert [set(to.shapes), set(to.before), set(to.after)] == [{"mail"}, {"mail"}, {"about"}]
    assert [set(subject.shapes), set(subject.before), set(subject.after)] == [
        {"Name"},
        {"about"},
        {"$"},
    ]
    assert to.copied and to.single and not to.whole
    assert learned.frame == {"mail", "about"}


def test_an_argument_that_is_seldom_in_its_request_is_made_up() -> None:
    learned = skill(
        [
            ("remove tmp.txt", {"command": "rm tmp.txt"}),
            ("how much memory is free?", {"command": "free -h"}),
            ("git log", {"command": "git log"}),
        ],
        command=TEXT,
    )
    assert not slot(learned, "command").copied


def test_a_short_value_that_is_not_in_its_request_is_a_constant() -> None:
    learned = skill(
        [("show the files here", {"folder": "."}), ("show lib", {"folder": "lib"})], folder=TEXT
    )
    [constant] = slot(learned, "folder").constants
    assert constant.value == "."
    assert constant.requests == ("show the files here",)
    assert slot(learned, "folder").copied


def test_numbers_are_found_however_they_are_spelled_and_may_be_shared() -> None:
    number = {"type": "integer"}
    learned = skill(
        [
            ("change line 4", {"start": 4, "end": 4}),
            ("lines two to 1,000", {"start": 2, "end": 1000}),
        ],
        start=number,
        end=number,
    )
    assert slot(learned, "end").shared == {("start",)}
    assert slot(learned, "end").before == {"line", "to"}


def test_a_list_is_known_by_its_items() -> None:
    files = {"type": "array", "items": TEXT}
    learned = skill([("zip a.txt and b.txt now", {"files": ["a.txt", "b.txt"]})], files=files)
    assert slot(learned, "files").shapes == {"file"}
    assert slot(learned, "files").after == {"now"}


def test_examples_that_are_none_are_passed_over() -> None:
    good: tuple[str, dict[str, Any]] = ("do  it", {})
    assert [e.request for e in accepted([good, None, ("x",), ("", {}), (1, {}), ("x", 3)])] == [
        "do it"
    ]
    assert len(accepted([good] * 100)) == MAX_EXAMPLES


def test_a_tool_without_examples_gets_plain_ones() -> None:
    learned = skill((), description="Greet a person. Politely.", name=TEXT)
    assert [example.request for example in learned.examples] == ["do it Ann", "greet a person Ann"]
    assert all(example.arguments == {"name": "Ann"} for example in learned.examples)
    assert not slot(learned, "name").known
    assert slot(learned, "name").shapes == {"Name", "word"}


def test_a_tool_without_examples_or_description_still_has_its_name() -> None:
    [example] = skill((), description=" ").examples
    assert example.request == "do it"
