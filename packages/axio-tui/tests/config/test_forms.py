"""Fields that a person fills in: which answers fit, and what is kept of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio.plugins import TRANSPORT_GROUP, Installed
from axio_transport_openai import OpenAITransport
from axio_transport_openai.custom import OpenAICompatibleTransport
from axio_tui.config.forms import CLEAR, Field, Form, arguments, fields_of

KEY = "sk-test-0123456789-wxyz"


def refuse(text: str) -> None:
    raise ValueError(f"{text} is not wanted")


def fail(text: str) -> None:
    raise ZeroDivisionError(f"{text} over nothing")


@pytest.mark.parametrize(
    ("field", "answer", "kept", "value"),
    [
        (Field("name"), "  a b ", "a b", "a b"),
        (Field("name"), "", "", ""),
        (Field("key", "secret"), f" {KEY}\n", KEY, KEY),
        (Field("n", "number"), "012", "12", 12),
        (Field("n", "number"), "-2.50", "-2.5", -2.5),
        (Field("c", "choice", choices=("a", "b")), "b", "b", "b"),
        (Field("b", "bool"), "Yes", "true", True),
        (Field("b", "bool"), "off", "false", False),
        (Field("l", "list"), "b, a,,b ", "b, a", ["b", "a"]),
    ],
)
def test_an_answer_that_fits_is_kept_in_one_form(
    field: Field, answer: str, kept: str, value: object
) -> None:
    assert field.read(answer) == kept
    assert field.value(kept) == value
    assert field.read(kept) == kept


@pytest.mark.parametrize(
    ("field", "answer", "words"),
    [
        (Field("name", required=True, label="Name"), " ", "Name is needed"),
        (Field("name"), "a\nb", "cannot be seen"),
        (Field("name"), "\x1b[31m", "cannot be seen"),
        (Field("key", "secret"), "sk 12", "that is no key"),
        (Field("key", "secret"), "schlüssel", "that is no key"),
        (Field("n", "number"), "nan", "n is a number"),
        (Field("n", "number"), "1e99", "n is a number"),
        (Field("n", "number"), "many", "n is a number"),
        (Field("c", "choice", choices=("a", "b")), "c", "one of a, b"),
        (Field("b", "bool"), "perhaps", "yes or no"),
        (Field("x", check=refuse), "this", "this is not wanted"),
        (Field("x", check=fail), "this", "it was not accepted: this over nothing"),
    ],
)
def test_an_answer_that_does_not_fit_says_what_would(field: Field, answer: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        field.read(answer)


@pytest.mark.parametrize("check", [refuse, fail])
def test_a_secret_is_not_in_the_words_that_refuse_it(check: Any) -> None:
    with pytest.raises(ValueError, match=r"\*\*\*") as caught:
        Field("api_key", "secret", check=check).read(KEY)
    assert KEY not in str(caught.value)


def test_an_empty_answer_keeps_a_secret_and_clears_all_else() -> None:
    secret, text = Field("api_key", "secret"), Field("base_url")
    assert secret.read("", KEY) == KEY and secret.read(CLEAR, KEY) == ""
    assert text.read("", "http://old") == "" and text.read(CLEAR, "http://old") == ""


def test_a_secret_is_told_by_its_last_four_characters() -> None:
    assert Field("api_key", "secret").told(KEY) == "...wxyz"
    assert Field("api_key").told("short") == "..."
    assert Field("base_url").told("http://a") == "http://a"
    assert KEY not in repr(Form("", [Field("api_key")], {"api_key": KEY}))


@given(st.text(max_size=30), st.sampled_from(["text", "secret", "number", "bool", "list"]))
def test_all_that_is_kept_can_be_seen_and_is_read_again_as_it_is(text: str, kind: Any) -> None:
    field = Field("x", kind)
    try:
        kept = field.read(text)
    except ValueError:
        return
    assert kept.isprintable() and field.read(kept) in (kept, "")
    if kept:
        field.value(kept)


def test_a_form_gives_what_fits_and_the_words_on_what_does_not() -> None:
    form = Form("", [Field("a"), Field("n", "number"), Field("k", "secret")], {"k": KEY})
    assert form.read({"a": "1", "n": "one"}) == ({"a": "1", "k": KEY}, {"n": "n is a number"})


# ── fields of classes ─────────────────────────────────────────────────────────────────────────


class Usual:
    def __init__(self, *, session: object, api_key: str = "", speed: int = 1) -> None: ...


class Bare: ...


def test_a_class_without_fields_has_those_that_it_takes() -> None:
    assert [field.name for field in fields_of(Usual)] == ["api_key"]
    assert fields_of(Bare) == ()


@pytest.mark.parametrize(
    "fields",
    [
        5,
        [5],
        [{"name": "a b"}],
        [{"label": "a"}],
        [{"name": "a", "sort": "text"}],
        [{"name": "a", "kind": "date"}],
        [{"name": "a", "kind": "choice"}],
        [{"name": "a"}, {"name": "a"}],
    ],
)
def test_fields_that_are_none_are_named(fields: object) -> None:
    class Broken:
        FIELDS = fields

    with pytest.raises(ValueError, match="its FIELDS"):
        fields_of(Broken)


OURS = ("anthropic", "codex", "local", "nebius", "openai", "openai-custom", "openrouter")


@pytest.mark.parametrize("name", OURS)
def test_each_transport_of_ours_takes_all_its_fields(name: str) -> None:
    kind: Any = Installed().load_class(TRANSPORT_GROUP, name)
    fields = fields_of(kind)
    assert "FIELDS" in vars(kind)
    answers = {"base_url": "http://127.0.0.1:9/v1", "api_key": KEY, "models": "a, b"}
    saved = {
        field.name: field.read(answers.get(field.name, field.default or "yes")) for field in fields
    }
    transport = kind(**arguments(kind, saved))
    for field in fields:
        assert getattr(transport, field.name) in (field.value(saved[field.name]), transport.models)
    assert KEY not in repr(transport)


def test_the_models_of_a_server_may_be_given_as_ids() -> None:
    for ids in ("a, b", ["a", "b"]):
        transport = OpenAICompatibleTransport(base_url="http://x", models=ids, model="b")  # type: ignore[arg-type]
        assert transport.models.ids() == ["a", "b"] and transport.model.id == "b"
    with pytest.raises(ValueError, match="begins with http"):
        fields_of(OpenAITransport)[1].read("api.example")


def test_a_text_that_fits_no_more_is_left_out() -> None:
    class Changed:
        FIELDS = ({"name": "n", "kind": "number"},)

    assert arguments(Changed, {"n": "many", "other": "as it is"}) == {"other": "as it is"}
