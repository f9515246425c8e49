"""The last words of a command that cannot go on: one line, an exit code, never a secret."""

from __future__ import annotations

import json
import os
import traceback
from collections.abc import Iterable
from typing import Any

from axio.exceptions import AxioError, StreamError
from axio_tui.harmless import one_line, plain

__all__ = (
    "CommandError",
    "WrongUse",
    "address_of",
    "blotted",
    "check_current_directory",
    "explain",
    "traceback_of",
    "words_of_others",
)


class CommandError(Exception):
    """The command ends with this message on one line and `exit_code`."""

    exit_code = 1


class WrongUse(CommandError):
    """The request cannot be met: no such name, no key, no prompt."""

    exit_code = 2


def check_current_directory() -> None:
    """Raise `WrongUse` where there is none any more: every command works in it."""
    try:
        os.getcwd()
    except FileNotFoundError as error:
        raise WrongUse("the current directory was removed; change to one that exists") from error
    except OSError as error:
        raise WrongUse(f"the current directory cannot be used: {error.strerror}") from error


def explain(error: BaseException, transport: object = None) -> str:
    """`error` on one line: what happened, the server's own words and its address.

    The transport's key is blotted out, should a server repeat it.
    """
    text = _words_of_the_server(str(error))
    if isinstance(error, OSError) and error.strerror and isinstance(error.filename, str):
        return one_line(f"{error.filename}: {error.strerror}", limit=1000)
    if not text or not isinstance(error, AxioError | CommandError):
        text = f"{type(error).__name__}: {text}" if text else type(error).__name__
    if isinstance(error, StreamError):
        address = address_of(transport)
        if address and address not in text:
            text = f"{one_line(text)} ({address})"
    key = getattr(transport, "api_key", None)
    return one_line(blotted(text, [key] if isinstance(key, str) else ()), limit=1000)


def blotted(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets. Those of less than six characters are not looked for."""
    for secret in secrets:
        if len(secret) >= 6:
            text = text.replace(secret, "***")
    return text


def words_of_others(text: str) -> str:
    """A text that this program did not write, without all that looks like a secret; at most 2,000
    characters of it."""
    from axio_tui_guards.redaction import without_secrets  # Late: it compiles many patterns.

    return str(without_secrets(text))


def traceback_of(error: BaseException) -> str:
    """The traceback that `--debug` shows."""
    return plain("".join(traceback.format_exception(error)))


def address_of(transport: object) -> str:
    """The address of a transport's server without credentials or query; "" if it has none."""
    base_url = getattr(transport, "base_url", None)
    if not isinstance(base_url, str) or not base_url:
        return ""
    from axio.wire.address import Address  # Only where a server is named.

    return Address(base_url).shown


def _words_of_the_server(text: str) -> str:
    """`text` with the JSON document in it, if it is an error object, replaced by its message."""
    start = text.find("{")
    if start < 0:
        return text
    try:
        document, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return text
    message = _message(document)
    return f"{text[:start]}{message}{text[end:]}" if message else text


def _message(document: Any) -> str:
    """The message of `{"error": {"message": ...}}`, `{"error": "..."}`, `{"detail": "..."}` ..."""
    for key in ("error", "message", "detail"):
        value = document.get(key)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, dict):
            return _message(value)
    return ""
