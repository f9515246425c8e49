"""Questions of MCP servers, and about them, as the person is asked: words, rows, and a form. Pure.

All words of a server are a stranger's. They stand in the same queue as those about calls.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from axio_tui.chat.answers import Answers
from axio_tui.chat.asked_rows import rows_for, title_of
from axio_tui.chat.diff_rows import Row
from axio_tui.chat.permissions import Asked
from axio_tui.chat.shown import lines_of, shown_line
from axio_tui.config.forms import Field, Form
from axio_tui.harmless import visible

if TYPE_CHECKING:
    from axio_tools_mcp.elicitation import Elicitation
    from axio_tools_mcp.form import FormField
    from axio_tools_mcp.trust import ToolChange

__all__ = (
    "ServerAnswers",
    "ServerAsked",
    "ServerForm",
    "answers_to",
    "asked_about",
    "asked_by",
    "head_of",
    "rows_of_question",
)

_LONGEST = 4_000  # characters of a server's words
_MOST_LINES = 500
_PIECE = 400  # characters of a line that are laid out at once


@dataclass(frozen=True, slots=True)
class ServerAsked:
    """A question with its lines. `keys` are those that answer, each with its words: y gives "yes",
    n gives "decline", and Escape "no". `address` is shown letter for letter."""

    title: str
    why: str
    lines: Sequence[str]
    keys: Mapping[str, str]
    leaving: str
    address: str = ""


class ServerAnswers:
    """The keys that answer, as `Answers` has them for a call."""

    remembers = ""
    pattern: str | None = None
    asks_reason = False

    def __init__(self, asked: ServerAsked) -> None:
        self._asked = asked
        self.leaving = asked.leaving

    def offers(self, key: str) -> bool:
        return key in self._asked.keys

    @property
    def offered(self) -> list[str]:
        return [f"{key} {words}" for key, words in self._asked.keys.items()]

    def reply(self, key: str) -> str:
        return "yes" if key == "y" else "decline"

    def write(self, command: str) -> None:
        """There is no rule to be written."""


# ── any question ──────────────────────────────────────────────────────────────────────────────


def head_of(asked: Asked | ServerAsked, who: str = "") -> tuple[str, str]:
    """The title of a question, and why it is asked."""
    if isinstance(asked, ServerAsked):
        return shown_line(asked.title), shown_line(asked.why)
    return title_of(asked, who), f"Asked because {shown_line(asked.question.reason)}"


def rows_of_question(asked: Asked | ServerAsked) -> list[Row]:
    """All that there is to know before it is answered."""
    if not isinstance(asked, ServerAsked):
        return rows_for(asked)
    pieces = [piece for line in asked.lines for piece in lines_of(line)]
    address = _in_ascii(asked.address)
    pieces += [address[start : start + _PIECE] for start in range(0, len(address), _PIECE)]
    return [Row("text", piece) for piece in pieces]


def _in_ascii(text: str) -> str:
    """The text with an escape for each letter that looks like one of another alphabet."""
    return "".join(c if c.isascii() and c.isprintable() else ascii(c)[1:-1] for c in text)


def answers_to(asked: Asked | ServerAsked) -> Answers | ServerAnswers:
    """The keys that answer it."""
    return ServerAnswers(asked) if isinstance(asked, ServerAsked) else Answers(asked.question)


# ── those of servers ──────────────────────────────────────────────────────────────────────────


def asked_by(question: Elicitation) -> ServerAsked:
    """The question of a server. `ValueError` says why it is not put to a person."""
    message = question.message
    words = message if len(message) <= _LONGEST else f"{message[:_LONGEST]} ... (cut)"
    title = f"MCP server {visible(question.server)} asks"
    if question.url:
        return _page(title, words, question.url)
    fields = _fields(question)
    named = [
        f"  {visible(field.title)}{f': {field.hint}' if field.hint else ''}" for field in fields
    ]
    return ServerAsked(
        title,
        "These are the words of a stranger. Nothing is sent before you have filled in its form.",
        [words, "", "It wants to know:" if named else "It wants a yes.", *named],
        {"y": "fill in its form" if named else "yes", "n": "decline"},
        "leaves it without an answer",
    )


def _page(title: str, words: str, url: str) -> ServerAsked:
    place = urlsplit(url)
    if place.scheme not in ("http", "https") or not place.hostname:
        raise ValueError(f"{url!r} is no page on the web")
    return ServerAsked(
        f"{title} you to open a page of {_in_ascii(place.hostname)}",
        "These are the words of a stranger. Open it only if you know this place.",
        [words, ""],
        {"y": "open it in a browser", "n": "decline"},
        "leaves it without an answer",
        url,
    )


def asked_about(change: ToolChange) -> ServerAsked:
    """The question if a tool is approved as its server describes it now."""
    lines = [visible(line) for line in change.difference()]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"... and {len(lines) - _MOST_LINES} more lines"]
    return ServerAsked(
        f"MCP server {visible(change.server)} has changed its tool {visible(change.tool)}",
        "It is described otherwise than when it was approved. Its calls wait for you.",
        lines,
        {"y": "approve it as it is now", "n": "refuse"},
        "refuse",
    )


def _fields(question: Elicitation) -> list[FormField]:
    from axio_tools_mcp.form import fields_of, wants_a_secret

    fields = fields_of(question.schema)
    if secret := wants_a_secret(question.message, fields):
        raise ValueError(f"it wants {secret!r}, and secrets are not for forms")
    return fields


class ServerForm:
    """The form of a question, and what is sent for what the person has filled in."""

    def __init__(self, question: Elicitation) -> None:
        # Names of a stranger may be anything: the fields have names of ours.
        self._fields = {f"field_{n}": field for n, field in enumerate(_fields(question))}
        server = visible(question.server)
        self.form = Form(
            f"For the MCP server {server}",
            [_field(name, field) for name, field in self._fields.items()],
            {name: _default(field) for name, field in self._fields.items()},
            [
                visible(question.message[:_LONGEST]),
                f"What stands here when you are done is sent to {server}.",
            ],
        )

    def values(self, kept: Mapping[str, str]) -> dict[str, Any]:
        """The values by the names of the server."""
        read = {field.name: field.read(kept.get(name, "")) for name, field in self._fields.items()}
        return {name: value for name, value in read.items() if value is not None}


def _field(name: str, field: FormField) -> Field:
    is_known = field.kind == "boolean" or (bool(field.choices) and field.kind != "array")
    words = field.schema.get("description")
    return Field(
        name,
        "bool" if field.kind == "boolean" else "choice" if is_known else "text",
        label=visible(field.title),
        help=visible(str(words or "")) if is_known else visible(field.hint),
        choices=[shown for _, shown in field.choices] if is_known else (),
        check=field.read,
        required=field.required and "default" not in field.schema,
    )


def _default(field: FormField) -> str:
    """The answer that stands there at first."""
    value = field.schema.get("default")
    if value is None:
        return ""
    shown = dict(field.choices)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(one) for one in value)
    return shown.get(str(value), str(value))
