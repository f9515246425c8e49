"""The result of a call as a model reads it: no Python in it, and the same for equal outcomes."""

from __future__ import annotations

from typing import TypeAlias

from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
)
from axio.exceptions import HandlerError, message_of
from axio.schema import json_value
from axio.types import JSONValue

__all__ = ("Content", "as_content", "as_text", "words_of")

Content: TypeAlias = str | list[TextBlock | ImageBlock | AudioBlock | VideoBlock]
"""Of a `ToolResultBlock`."""

_NOT_IN_RESULTS = (ToolUseBlock, ToolResultBlock, ReasoningBlock)


def as_content(value: object) -> Content:
    """The value that a handler returned, as the content of its result.

    Text stays as it is, None is the empty text. A content block, or a list of them, becomes a list
    of its own. Anything else is JSON: dataclasses, pydantic, msgspec and attrs values too, with
    `str` for the parts that JSON has no form for.
    """
    if isinstance(value, str):
        return str.__str__(value)  # an Enum of texts is the text, and says something else in str()
    if value is None:
        return ""
    blocks = value if isinstance(value, (list, tuple)) else [value]
    if blocks and all(map(_may_stand_in_result, blocks)):
        return list(blocks)
    return _as_json(value)


def as_text(content: Content) -> str:
    """The text of a result, without its media."""
    if isinstance(content, str):
        return content
    return "\n".join(block.text for block in content if isinstance(block, TextBlock))


def words_of(error: BaseException) -> str:
    """An error as the model is told it: "ClassName: words".

    A `HandlerError` is written for the model and needs no name. One that a tool made of another
    error, without words of its own, is told as that error.
    """
    words, cause = message_of(error), error.__cause__
    if cause is not None and words == message_of(cause):
        words = _named(cause, words)
    return _named(error, words)


def _named(error: BaseException, words: str) -> str:
    name = type(error).__name__
    return words if type(error) is HandlerError or words == name else f"{name}: {words}"


def _may_stand_in_result(value: object) -> bool:
    return isinstance(value, ContentBlock) and not isinstance(value, _NOT_IN_RESULTS)


def _as_json(value: object) -> str:
    from json import dumps  # Not at import: most tools return text.

    try:
        data = json_value(value, _in_words)
        return data if isinstance(data, str) else dumps(data, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # It holds itself, or keys that JSON has not.
        return str(value)


def _in_words(value: object) -> JSONValue:
    """A value that JSON has no form for."""
    if isinstance(value, (bytes, bytearray)):
        try:
            return value.decode()
        except UnicodeDecodeError:
            pass
    try:
        return json_value(value)
    except TypeError:
        return str(value)
