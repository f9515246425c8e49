"""Which pieces of a request fill the slots of a tool."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from axio import Tool
from axio_transport_local.fillings import fillings
from axio_transport_local.parameters import nest
from axio_transport_local.request import Request
from axio_transport_local.skill import Skill, skill_of
from axio_transport_local.spans import candidates


async def _handler(**_: Any) -> str:
    return ""


def skill(name: str, properties: dict[str, Any], optional: str, *examples: Any) -> Skill:
    required = [name for name in properties if name not in optional.split()]
    schema = {"type": "object", "properties": properties, "required": required}
    return skill_of(Tool(name, _handler, schema=MappingProxyType(schema), examples=examples))


TEXT, INTEGER = {"type": "string"}, {"type": "integer"}

REMIND = skill(
    "remind",
    {"text": TEXT, "day": TEXT},
    "day",
    ("remind me to water the plants on Saturday", {"text": "water the plants", "day": "Saturday"}),
    ("remind me to call mum", {"text": "call mum"}),
    ("don't let me forget the keys on Monday", {"text": "the keys", "day": "Monday"}),
)
PATCH = skill(
    "patch",
    {"path": TEXT, "start": INTEGER, "end": INTEGER, "content": TEXT},
    "",
    (
        "replace lines 8 to 11 of run.sh with exit 0",
        {"path": "run.sh", "start": 8, "end": 11, "content": "exit 0"},
    ),
    (
        "set line 4 of setup.cfg to name = x",
        {"path": "setup.cfg", "start": 4, "end": 4, "content": "name = x"},
    ),
)
LIST = skill(
    "list",
    {"folder": TEXT},
    "",
    ("what's in the lib folder", {"folder": "lib"}),
    ("list the directory images", {"folder": "images"}),
    ("show the files here", {"folder": "."}),
)
BUY = skill(
    "buy",
    {"item": TEXT, "quantity": INTEGER},
    "quantity",
    ("add 3 lemons to the list", {"item": "lemons", "quantity": 3}),
    ("put eggs on the list", {"item": "eggs"}),
)
ZIP = skill(
    "zip",
    {"files": {"type": "array", "items": TEXT}},
    "",
    ("zip a.txt and b.txt", {"files": ["a.txt", "b.txt"]}),
    ("make a zip of src", {"files": ["src"]}),
)
SHIP = skill(
    "ship",
    {"street": TEXT, "zip": {"type": "string", "pattern": r"^\d{5}$"}},
    "",
    ("ship to Main Road 12345", {"street": "Main Road", "zip": "12345"}),
)


@pytest.mark.parametrize(
    ("learned", "request_text", "arguments"),
    [
        (REMIND, "remind me to feed the cat on Friday", {"text": "feed the cat", "day": "Friday"}),
        (REMIND, "please remind me to call the bank", {"text": "call the bank"}),
        (REMIND, "remind me to 'buy milk' on Sunday", {"text": "buy milk", "day": "Sunday"}),
        (
            PATCH,
            "Replace lines 3 to 5 of main.py with pass",
            {"path": "main.py", "start": 3, "end": 5, "content": "pass"},
        ),
        (
            PATCH,
            "change line 7 of a/b.md to # Chapter 2",
            {"path": "a/b.md", "start": 7, "end": 7, "content": "# Chapter 2"},
        ),
        (LIST, "what's in the docs folder?", {"folder": "docs"}),
        (LIST, "show all files here", {"folder": "."}),
        (BUY, "add 6 apples to my list", {"item": "apples", "quantity": 6}),
        (BUY, "add butter to the list", {"item": "butter"}),
        (BUY, "add two melons to the list", {"item": "melons", "quantity": 2}),
        (ZIP, "zip one.txt, two.txt and three.txt", {"files": ["one.txt", "two.txt", "three.txt"]}),
        (SHIP, "ship to Elm Street 54321", {"street": "Elm Street", "zip": "54321"}),
    ],
)
def test_slots_are_filled_by_what_stands_where_values_do(
    learned: Skill, request_text: str, arguments: dict[str, Any]
) -> None:
    best = fillings(Request(request_text), learned)[0]
    assert nest({path: piece.value for path, piece in best.pieces.items()}) == arguments


def test_what_the_schema_does_not_allow_fills_nothing() -> None:
    best = fillings(Request("ship to Elm Street 123"), SHIP)[0]
    assert ("zip",) not in best.pieces


@given(st.text(alphabet="ab 1.,/'\"()\n:;?", max_size=60))
@settings(max_examples=60)
def test_pieces_of_the_best_filling_are_in_the_request_and_do_not_overlap(text: str) -> None:
    for learned in (REMIND, PATCH, BUY):
        best = fillings(Request(text), learned)[0]
        spans = {(p.start, p.end) for p in best.pieces.values() if p.start >= 0}
        for start, end in spans:
            assert 0 <= start < end <= len(text)
            assert not any(start < b and a < end for a, b in spans if (a, b) != (start, end))
        for (name,), piece in best.pieces.items():
            if isinstance(piece.value, str) and piece.start >= 0:
                assert piece.value == text[piece.start : piece.end], name


def test_of_a_long_request_a_bounded_number_of_pieces_is_looked_at() -> None:
    for slot in REMIND.slots:
        for words in (500, 4_000):
            request = Request("remind me to " + "x to y 'z' " * (words // 4))
            assert len(list(candidates(request, slot, REMIND))) < 1_500


def test_a_long_quotation_or_end_is_copied_whole() -> None:
    content = " ".join(f"word{n}" for n in range(500))
    best = fillings(Request(f"replace lines 1 to 2 of a.txt with {content}"), PATCH)[0]
    assert best.pieces[("content",)].value == content
    assert json.dumps(best.pieces[("start",)].value) == "1"


# ── values that are made of a request ─────────────────────────────────────────────────────────

COMMAND = skill(
    "command",
    {"line": TEXT},
    "",
    *(
        (request, {"line": line})
        for request, line in (
            ("svn diff", "svn diff"),
            ("run gulp watch", "gulp watch"),
            ("execute the command whoami", "whoami"),
            ("brew install jq", "brew install jq"),
            ("delete old.bin", "rm old.bin"),
            ("make a folder called lib", "mkdir lib"),
            ("rename one.txt to two.txt", "mv one.txt two.txt"),
            ("note 'call Kim' in log.txt", "echo 'call Kim' >> log.txt"),
            ("how much memory is used?", "free -h"),
        )
    ),
)


def best(request: str, learned: Skill) -> Any:
    pieces = fillings(Request(request), learned)[0].pieces
    return next((piece.value for piece in pieces.values()), None)


@pytest.mark.parametrize(
    ("request_", "line"),
    [
        ("delete tmp/cache.db", "rm tmp/cache.db"),
        ("please delete the file readme.md", "rm readme.md"),
        ("make a folder named build", "mkdir build"),
        ("rename a.py to lib/b.py", "mv a.py lib/b.py"),
        ("note 'tea and milk' in list.md", "echo 'tea and milk' >> list.md"),
        ("how much memory have I used?", "free -h"),
        ("run cargo test", "cargo test"),
        ("hg status", "hg status"),
    ],
)
def test_a_value_is_made_as_that_of_the_example_was_made(request_: str, line: str) -> None:
    assert best(request_, COMMAND) == line


@pytest.mark.parametrize(
    "request_",
    [
        "delete everything on my computer",
        "run the checks",
        "send a letter to kim@example.org",
        "delete all of it",
    ],
)
def test_ordinary_wording_is_no_command(request_: str) -> None:
    assert best(request_, COMMAND) is None


@given(st.text(min_size=1, max_size=12))
def test_what_is_put_into_a_made_value_has_no_marks_that_the_example_has_not(text: str) -> None:
    made = best(f"note '{text}' in log.txt", COMMAND) or ""
    inside = made.removeprefix("echo '").removesuffix("' >> log.txt")
    if made.startswith("echo '"):
        assert not set(inside) & set("'\"`$;&|<>\\")


LOOK = skill(
    "look",
    {"pattern": TEXT, "place": TEXT},
    "",
    ("look for *.ini in etc", {"pattern": "*.ini", "place": "etc"}),
    ("find every *.tex file", {"pattern": "*.tex", "place": "."}),
    ("which *.bak files are in var/tmp?", {"pattern": "*.bak", "place": "var/tmp"}),
)


@pytest.mark.parametrize("request_", ["list the files", "show me files here", "find my letters"])
def test_plain_words_fill_no_slot_whose_examples_hold_none(request_: str) -> None:
    pieces = fillings(Request(request_), LOOK)[0].pieces
    assert ("pattern",) not in pieces


def test_a_file_is_no_folder_where_the_examples_name_folders() -> None:
    found = [piece.value for piece in candidates(Request("look in a.txt"), LOOK.slots[1], LOOK)]
    assert "a.txt" not in found
