"""The input of a run: its prompt, from the command line, from standard input, or from both; and the
schema of its answer."""

from __future__ import annotations

import json
import os
import select
import stat
import sys
import threading
from collections.abc import Callable, Iterable

from axio.blocks import ImageBlock
from axio.types import JSONObject
from axio_tui.errors import WrongUse
from axio_tui.writers import is_fed

__all__ = ("pictures_in", "prompt_of", "schema_in")

_PATIENCE = 3.0
"""Seconds after which it is said that standard input has not ended."""


def prompt_of(argument: str | None, *, literal: bool, say: Callable[[str], None]) -> str | None:
    """The prompt; None to ask for it on the terminal. `WrongUse` for one that cannot be used.

    "-" stands for standard input, unless it is `literal`. What is piped in besides a prompt is sent
    with it.
    """
    if argument is None:
        if sys.stdin.isatty():
            return None
        raise WrongUse('no prompt: axio run "PROMPT", or - to read it from stdin')
    if argument == "-" and not literal:
        return _checked(_read(say))
    prompt = _checked(argument)
    piped = _piped(say)
    return f"{prompt}\n\nStandard input:\n{_checked(piped)}" if piped.strip() else prompt


def schema_in(path: str) -> JSONObject:
    """The JSON Schema in a file. `WrongUse` if there is none."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            schema = json.load(file)
    except OSError as error:
        raise WrongUse(f"the schema {path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise WrongUse(f"the schema {path} is not JSON: {error}") from error
    if not isinstance(schema, dict):
        raise WrongUse(f"the schema {path} is no JSON object")
    return schema


def pictures_in(paths: Iterable[str]) -> list[tuple[str, ImageBlock]]:
    """The pictures in files, each with words for it. `WrongUse` if one cannot be sent."""
    from axio_tui.chat.pictures import NoPicture, picture_at  # Few prompts have any.

    try:
        pictures = [picture_at(path) for path in paths]
    except NoPicture as error:
        raise WrongUse(str(error)) from error
    return [(f"[image {n}: {one.told}]", one.block) for n, one in enumerate(pictures, 1)]


def _checked(prompt: str) -> str:
    if "\0" in prompt:
        raise WrongUse("the prompt holds a NUL character, so it is no text")
    try:
        prompt.encode("utf-8")  # bytes that were no UTF-8 have become lone surrogates
    except UnicodeError as error:
        raise WrongUse("the prompt is not UTF-8") from error
    if not prompt.strip():
        raise WrongUse("the prompt is empty")
    return prompt


def _piped(say: Callable[[str], None]) -> str:
    """The text that is piped in. A terminal, a device, and the socket that a remote shell leaves
    open for ever are not meant to be read, and neither is a pipe in which nothing comes for a while
    and that only the program which has started this one could write to."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return ""
    if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
        return ""
    if not select.select([sys.stdin], [], [], _PATIENCE)[0] and not is_fed(sys.stdin.fileno()):
        say("nothing came on standard input, so it is left out; axio run - waits for it")
        return ""
    return _read(say)


def _read(say: Callable[[str], None]) -> str:
    words = "waiting for the end of standard input; < /dev/null leaves it out"
    notice = threading.Timer(_PATIENCE, say, (words,))
    notice.daemon = True
    notice.start()
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeError as error:
        raise WrongUse("the prompt is not UTF-8") from error
    finally:
        notice.cancel()
