"""JSON that every provider takes, of all that a history holds."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from hypothesis import given, strategies as st

from axio.schema.titles import untitled
from axio.wire.payload import dumps


def test_text_is_utf_8_and_halves_of_pairs_are_replaced() -> None:
    assert dumps({"a": "ä😀"}) == '{"a":"ä😀"}'.encode()
    assert json.loads(dumps({"a": "x\ud83d\ude00y\ud83dz\udcff"})) == {"a": "x😀y\ufffdz\ufffd"}


def test_large_numbers_stay_and_what_is_no_json_becomes_text() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    assert json.loads(dumps({"maximum": 10**30, "odd": Odd()})) == {"maximum": 10**30, "odd": "odd"}


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values)
def test_anything_can_be_read_back_with_whole_characters(value: Any) -> None:
    def whole(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        if isinstance(value, list):
            return [whole(item) for item in value]
        if isinstance(value, dict):
            return {whole(name): whole(item) for name, item in value.items()}
        return value

    assert json.loads(dumps(value)) == whole(value)


def test_without_a_faster_encoder_the_bytes_say_the_same() -> None:
    program = """
import sys
sys.modules["msgspec"] = sys.modules["msgspec.json"] = None
from axio.wire.payload import dumps
print(dumps({"a": ["ä", 1.5, None, "\\ud83d"]}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout.strip() == str(dumps({"a": ["ä", 1.5, None, "\ud83d"]})), done.stderr


def test_titles_go_and_properties_of_that_name_stay() -> None:
    schema = {
        "title": "Book",
        "type": "object",
        "properties": {
            "title": {"type": "string", "title": "Title", "default": {"title": "none"}},
            "parts": {"type": "array", "items": [{"title": "Part", "$ref": "#/$defs/title"}]},
        },
        "$defs": {"title": {"title": "T", "enum": [{"title": "x"}]}},
        "required": ["title"],
    }
    assert untitled(schema) == {
        "type": "object",
        "properties": {
            "title": {"type": "string", "default": {"title": "none"}},
            "parts": {"type": "array", "items": [{"$ref": "#/$defs/title"}]},
        },
        "$defs": {"title": {"enum": [{"title": "x"}]}},
        "required": ["title"],
    }


def test_definitions_that_a_schema_refers_to_may_get_other_names() -> None:
    schema = {
        "$ref": "#/$defs/A",
        "description": "as in some/A",
        "anyOf": ({"$ref": "#/$defs/B"}, {"$ref": 5}),
        "properties": {"$ref": {"type": "string"}, "x": {"properties": "A", "const": "a/A"}},
    }
    assert untitled(schema, {"A": "A_"}) == {
        "$ref": "#/$defs/A_",
        "description": "as in some/A",
        "anyOf": [{"$ref": "#/$defs/B"}, {"$ref": 5}],
        "properties": {"$ref": {"type": "string"}, "x": {"properties": "A", "const": "a/A"}},
    }
