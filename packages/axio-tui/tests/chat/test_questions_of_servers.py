"""Questions of servers as words, rows and forms, whatever a stranger has written into them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio_tools_mcp.elicitation import Elicitation
from axio_tools_mcp.form import fields_of
from axio_tools_mcp.trust import ToolChange
from axio_tui.chat.server_questions import (
    ServerForm,
    answers_to,
    asked_about,
    asked_by,
    head_of,
    rows_of_question,
)

WORDS = st.text(max_size=20).filter(lambda text: "pass" not in text.lower())
NAMES = st.text("abcxyz é\u202e\x1b[]", min_size=1, max_size=8)
FIELDS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.fixed_dictionaries({"type": st.just("string")}, optional={"title": WORDS}),
    st.fixed_dictionaries({"type": st.just("string"), "default": st.just("d")}),
    st.fixed_dictionaries({"type": st.just("integer")}, optional={"default": st.integers(-9, 9)}),
    st.fixed_dictionaries({"type": st.just("boolean")}, optional={"default": st.booleans()}),
    st.fixed_dictionaries(
        {"type": st.just("string"), "enum": st.lists(NAMES, min_size=1, max_size=3)}
    ),
    st.fixed_dictionaries(
        {"type": st.just("array"), "items": st.just({"enum": ["cat", "dog"]})},
        optional={"default": st.sampled_from([[], ["dog"], ["dog", "cat"]])},
    ),
)  # fmt: skip


@given(st.text(), st.dictionaries(NAMES, FIELDS, max_size=4), st.data())
def test_any_form_is_asked_harmlessly_and_its_defaults_fit(
    message: str, properties: dict[str, dict[str, Any]], data: st.DataObject
) -> None:
    required = data.draw(
        st.lists(st.sampled_from([*properties]), max_size=2) if properties else st.just([])
    )
    question = Elicitation("s\x1b", message, {"properties": properties, "required": required})
    try:
        asked = asked_by(question)
    except ValueError as error:
        assert "secrets" in str(error)
        return
    shown = [*head_of(asked), *(row.text for row in rows_of_question(asked))]
    assert all(text.isprintable() for text in shown)
    form = ServerForm(question)
    kept, wrong = form.form.read(form.form.values)
    needed = {
        name for name, field in properties.items() if name in required and "default" not in field
    }
    assert len(wrong) == len(needed)
    if not wrong:
        values = form.values(kept)
        for field in fields_of(question.schema):
            assert values.get(field.name) == field.schema.get("default")


def test_a_choice_is_sent_as_its_value_and_shown_by_its_title() -> None:
    choice = {"type": "string", "oneOf": [{"const": "r", "title": "Red"}, {"const": "b"}]}
    form = ServerForm(
        Elicitation("s", "Which?", {"properties": {"a b": {**choice, "default": "r"}}})
    )
    (field,) = form.form.fields
    assert (field.kind, [*field.choices], form.form.values) == (
        "choice",
        ["Red", "b"],
        {field.name: "Red"},
    )
    assert form.values({field.name: "Red"}) == {"a b": "r"}
    assert form.values({field.name: "b"}) == {"a b": "b"}


def test_an_address_is_shown_letter_for_letter_and_no_letter_of_another_alphabet_hides() -> None:
    url = f"https://p\u0430ypal.com/{'o' * 900}/{'x' * 200}\u200b"
    asked = asked_by(Elicitation("s", "Pay", {}, url))
    assert "p\\u0430ypal.com" in head_of(asked)[0]
    rows = "".join(row.text for row in rows_of_question(asked))
    assert f"https://p\\u0430ypal.com/{'o' * 900}/{'x' * 200}\\u200b" in rows


@pytest.mark.parametrize(
    "url", ["file:///etc/passwd", "javascript:alert(1)", "https://", "data:,x"]
)
def test_what_is_no_page_is_not_asked(url: str) -> None:
    with pytest.raises(ValueError, match="is no page on the web"):
        asked_by(Elicitation("s", "Open", {}, url))


def test_a_long_difference_says_what_is_left_out() -> None:
    before, now = ({"d": [f"{word} {n}" for n in range(900)]} for word in ("old", "new"))
    asked = asked_about(ToolChange("s", "t", before, now))
    assert asked.lines[-1].endswith(" more lines") and len(asked.lines) == 501
    answers = answers_to(asked)
    assert (answers.reply("y"), answers.offers("s"), answers.leaving) == ("yes", False, "refuse")
