"""Every failure is told on one line."""

from __future__ import annotations

import pytest

from axio.exceptions import ConnectionFailed, ProviderError
from axio_tui.errors import CommandError, WrongUse, explain, traceback_of


class Transport:
    base_url = "http://user:pass@127.0.0.1:1234/v1?key=x"
    api_key = "sk-secret-123"


@pytest.mark.parametrize(
    "body",
    [
        '{"error": {"message": "Incorrect API key", "type": "invalid_request_error"}}',
        '{"error": "Incorrect API key"}',
        '{"message": "Incorrect API key"}',
        '{"detail": {"message": "Incorrect API key"}}',
        "Incorrect API key",
    ],
)
def test_status_server_words_and_address_stand_on_one_line(body: str) -> None:
    error = ProviderError(f"OpenAI API error 401: {body}", status=401)
    line = explain(error, Transport())
    assert line == "OpenAI API error 401: Incorrect API key (http://127.0.0.1:1234/v1)"


def test_an_address_that_is_there_already_is_not_repeated() -> None:
    text = "OpenAI API error: connection failed (http://127.0.0.1:1234/v1/chat/completions): gone"
    assert explain(ConnectionFailed(text), Transport()) == text


def test_many_lines_become_one_and_long_ones_end() -> None:
    line = explain(ProviderError("500: <html>\n<p>\x1b[31mBad\r\ngateway" + "x" * 9999))
    assert "\n" not in line and "\x1b" not in line and len(line) < 1100


def test_the_key_is_blotted_out() -> None:
    line = explain(ProviderError("you sent Bearer sk-secret-123"), Transport())
    assert "secret" not in line and "you sent Bearer ***" in line


def test_an_unexpected_error_says_its_kind() -> None:
    assert explain(ZeroDivisionError()) == "ZeroDivisionError"
    assert explain(KeyError("x")) == "KeyError: 'x'"
    assert explain(WrongUse("no tool 'x'")) == "no tool 'x'"


def test_braces_that_are_no_error_object_stay() -> None:
    assert explain(CommandError("set {x} and {y")) == "set {x} and {y"
    assert explain(CommandError('got {"a": 1}')) == 'got {"a": 1}'


def test_exit_codes_tell_wrong_use_from_failure() -> None:
    assert (CommandError.exit_code, WrongUse.exit_code) == (1, 2)


def test_a_traceback_cannot_steer_the_terminal() -> None:
    try:
        raise ValueError("\x1b[2Jboo")
    except ValueError as error:
        text = traceback_of(error)
    assert "Traceback" in text and "ValueError: boo" in text and "\x1b" not in text


def test_an_error_of_the_system_is_told_by_name_and_words() -> None:
    error = OSError(30, "Read-only file system", "/home/ada/.config")
    assert explain(error) == "/home/ada/.config: Read-only file system"
    assert explain(OSError(30, "Read-only file system")).startswith("OSError: ")
