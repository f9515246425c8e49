"""Answers that are no event stream become errors that say what the server said, and no key."""

from __future__ import annotations

import json

import pytest

from axio.exceptions import ContentFiltered, ProtocolError, ProviderError, StreamError
from axio.wire.address import Address
from axio.wire.errors import MAX_ECHO, error_from_answer, error_from_stream, secrets_in

KEY = "sk-proj-0123456789abcdef"
SENT = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}


def of(status: int, body: str, **answer: str) -> StreamError:
    secrets = secrets_in(SENT, Address("https://api.example/v1?version=1"))
    return error_from_answer("OpenAI API error", status, answer, body, secrets=secrets)


def test_the_message_holds_the_status_and_the_body() -> None:
    error = of(400, "no such thing")
    assert str(error) == "OpenAI API error 400: no such thing"
    assert type(error) is ProviderError
    assert (error.status, error.code, error.retryable) == (400, None, False)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"error": {"message": "m", "type": "t", "code": "c"}}, "c"),
        ({"error": {"message": "m", "type": "t", "code": None}}, "t"),
        ({"error": {"message": "m", "code": 401}}, "401"),
        ({"error": {"code": 429, "message": "m", "status": "EXHAUSTED"}}, "429"),
        ([{"error": {"message": "m", "type": "t"}}], "t"),
        (
            {"type": "error", "error": {"type": "overloaded_error", "message": "m"}},
            "overloaded_error",
        ),
        (
            {"object": "error", "message": "m", "type": "invalid_request_error", "code": None},
            "invalid_request_error",
        ),
        ({"error": "just words"}, None),
        ({"detail": "Invalid API Key"}, None),
        ({"errors": ["a"]}, None),
        ("just a string", None),
        ([], None),
        (None, None),
    ],
)
def test_the_code_is_the_provider_s_own_word(body: object, code: str | None) -> None:
    assert of(400, json.dumps(body)).code == code


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (429, "rate_limit_exceeded", True),
        (429, "insufficient_quota", False),
        (529, "x", True),
        (401, "x", False),
    ],
)
def test_what_waiting_may_mend_is_retryable(status: int, code: str, retryable: bool) -> None:
    assert of(status, json.dumps({"error": {"code": code}})).retryable is retryable


def test_a_filter_s_refusal_is_told_from_other_errors() -> None:
    error = of(400, '{"error": {"code": "content_filter", "message": "no"}}')
    assert type(error) is ContentFiltered


def test_the_request_id_is_kept() -> None:
    assert of(500, "", **{"x-request-id": "req_1"}).request_id == "req_1"
    assert of(500, "", **{"request-id": "req_2"}).request_id == "req_2"
    assert of(500, "").request_id is None


@pytest.mark.parametrize("echo", [KEY, f"Bearer {KEY}"])
def test_a_key_that_the_server_repeats_is_blotted_out(echo: str) -> None:
    error = of(401, f'{{"error": {{"message": "bad key {echo}"}}}}')
    assert KEY not in str(error)
    assert "***" in str(error)


def test_a_page_is_told_by_its_title() -> None:
    error = of(502, "<!DOCTYPE html><html><head><title>\n502 Bad\nGateway</title></head>...")
    assert str(error) == "OpenAI API error 502: 502 Bad Gateway"
    assert error.retryable


def test_lines_are_joined_and_long_bodies_cut() -> None:
    assert str(of(400, '{\n  "a": 1\n}\n')) == 'OpenAI API error 400: { "a": 1 }'
    assert len(str(of(400, "x" * 100_000))) < MAX_ECHO + 100


@pytest.mark.parametrize(
    "body", ["<html><title>Welcome</title>", '{"choices": []}', "[1, 2]", "<html>"]
)
def test_a_document_instead_of_a_stream_is_a_protocol_error(body: str) -> None:
    error = of(200, body)
    assert type(error) is ProtocolError
    assert "base URL" in str(error)
    assert not error.retryable


def test_an_error_with_status_200_is_still_the_provider_s() -> None:
    error = of(200, '{"error": {"message": "out of credits", "code": 402}}')
    assert type(error) is ProviderError
    assert "out of credits" in str(error)


def test_deep_nesting_is_no_trouble() -> None:
    assert type(of(400, "[" * 100_000)) is ProviderError


@pytest.mark.parametrize(
    ("error", "message", "retryable"),
    [
        ({"message": "m", "type": "server_error", "code": None}, "during: m", True),
        ({"message": "m", "code": 503}, "during: m", True),
        ({"message": "m", "code": "429"}, "during: m", True),
        ({"message": "m", "code": True, "status": "INTERNAL"}, "during: m", False),
        ({"message": "m", "code": 400}, "during: m", False),
        ({"message": "m", "type": "overloaded_error", "http_code": "529"}, "during: m", True),
        ({"message": "m", "code": "too_many_requests"}, "during: m", True),
        ({"message": "m", "code": "quota", "type": "Too_Many_Requests_Error"}, "during: m", True),
        ({"message": "m", "code": "insufficient_quota", "status": 429}, "during: m", False),
        ("words", "during: words", False),
        ({"code": "x"}, 'during: {"code": "x"}', False),
        (["odd"], 'during: ["odd"]', False),
        ({"message": {"detail": [1]}}, 'during: {"detail": [1]}', False),
    ],
)
def test_an_error_inside_a_stream_keeps_its_words(
    error: object, message: str, retryable: bool
) -> None:
    made = error_from_stream("during", error)
    assert str(made) == message
    assert made.retryable is retryable
    assert type(made) is ProviderError
