"""Messages as JSON text, which is what the column holds."""

from __future__ import annotations

import json
from typing import NamedTuple

from axio.blocks import to_dict
from axio.context import preview
from axio.exceptions import without_content
from axio.messages import Message
from axio_context_postgres.errors import StoreDamaged

__all__ = ("Encoded", "as_array", "as_json", "as_text", "beginning", "decode", "encode")


class Encoded(NamedTuple):
    """A message and the text it is stored as."""

    role: str
    text: str
    message: Message


def encode(message: Message) -> Encoded:
    """The content as JSON, and the message that will be read back: the same object if equal.

    TypeError or ValueError for a message that could not be read back: it must not be stored.
    """
    text = as_json([to_dict(block) for block in message.content])
    decoded = _decode(message.role, text)
    return Encoded(message.role, text, message if decoded == message else decoded)


def as_json(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    # Half a surrogate pair from a broken stream has a form in JSON, and none in UTF-8.
    return text if _is_unicode(text) else json.dumps(value)


def decode(session_id: str, position: int, role: str, text: str) -> Message:
    """The row's message. StoreDamaged, saying which row, when it is broken."""
    try:
        return _decode(role, text)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        why = without_content(error)
    # Not from the error, which may hold what was written.
    raise StoreDamaged(f"message {position} of session {session_id!r} cannot be read: {why}")


def _decode(role: str, text: str) -> Message:
    content = json.loads(text)
    if not isinstance(content, list):
        raise ValueError("the content is no list of blocks")
    return Message.from_dict({"role": role, "content": content})


def as_array(messages: list[Encoded]) -> tuple[list[str], str]:
    """The roles, and one JSON array of the contents, which the server takes apart again."""
    return [each.role for each in messages], "[" + ",".join(each.text for each in messages) + "]"


def beginning(messages: list[Encoded]) -> str | None:
    """How the first text of the user begins, as lists show it."""
    found = preview((each.message for each in messages if each.role == "user"), empty="")
    return as_text(found) or None


def as_text(text: str) -> str:
    """`text` as a column of type text can hold it: Unicode without NUL."""
    text = text.replace("\0", "\ufffd")
    return (
        text
        if _is_unicode(text)
        else text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    )


def _is_unicode(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
