"""Questions of MCP servers on a terminal, and about them: a form field by field, a page to open, a
tool that has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from axio_tui.harmless import one_line, visible
from axio_tui.plain.person import Line, Person

if TYPE_CHECKING:
    from axio_tools_mcp.elicitation import Elicitation
    from axio_tools_mcp.form import FormField
    from axio_tools_mcp.trust import ToolChange

__all__ = ("answer_of", "is_approved")

_LONGEST = 2000  # characters of a server's words
_MOST_LINES = 60  # of a difference
_CHOICES = "[accept / decline / cancel] "
_WAYS_OUT = ("/decline", "/cancel")


class _Declined(Exception):
    """The person does not want to answer."""


async def answer_of(
    person: Person, say: Callable[[str], None], question: Elicitation
) -> dict[str, Any] | None:
    """The fields as the person has filled them in; none for a page that they have opened; None when
    they decline. Raises `Dismissed` when they cancel. Secrets are not asked for at all."""
    async with person.asking() as line:
        try:
            return await (_page if question.url else _form)(line, question)
        except _Declined as declined:
            if str(declined):
                say(f"declined a question of the MCP server {question.server!r}: {declined}")
            return None


async def is_approved(person: Person, change: ToolChange) -> bool:
    """True if the person approves a tool as its server describes it now."""
    lines = [visible(line) for line in change.difference()]
    if len(lines) > _MOST_LINES:
        lines[_MOST_LINES:] = [f"... and {len(lines) - _MOST_LINES} more lines"]
    async with person.asking() as line:
        answer = await line(
            f"The MCP server {change.server!r} describes its tool {change.tool!r} otherwise than "
            "when it was approved:\n"
            + "".join(f"  {changed}\n" for changed in lines)
            + "Do you approve it as it is now? [yes / no] "
        )
    return answer.strip().lower() in ("y", "yes")


async def _page(line: Line, question: Elicitation) -> dict[str, Any]:
    place = urlsplit(question.url)
    if place.scheme not in ("http", "https") or not place.hostname:
        raise _Declined(f"{question.url!r} is no page on the web")
    await _settle(
        line,
        f"{_asks(question)}\nIt wants you to open a page of {visible(place.hostname)}:\n"
        f"  {visible(question.url)}\nOpen it yourself, if you know this place. Did you? ",
    )
    return {}


async def _form(line: Line, question: Elicitation) -> dict[str, Any]:
    from axio_tools_mcp.form import fields_of, wants_a_secret

    try:
        fields = fields_of(question.schema)
    except ValueError as error:
        raise _Declined(str(error)) from None
    if secret := wants_a_secret(question.message, fields):
        raise _Declined(f"it wants {secret!r}, and secrets are not for forms")
    head = f"{_asks(question)}\n{' or '.join(_WAYS_OUT)} leaves it without an answer.\n"
    values: dict[str, Any] = {}
    for field in fields:
        value = await _field(line, field, head)
        head = ""
        if value is not None:
            values[field.name] = value
    told = "".join(f"  {visible(name)}: {visible(str(value))}\n" for name, value in values.items())
    await _settle(line, f"{head}It would be told{' nothing' if not told else ''}:\n{told}Send it? ")
    return values


async def _field(line: Line, field: FormField, head: str) -> Any:
    """The value of a field, which is asked for until it fits."""
    hint = f" ({one_line(field.hint)})" if field.hint else ""
    asked = f"{head}{one_line(field.title)}{hint}: "
    while True:
        answer = await line(asked)
        if not answer or answer.strip() in _WAYS_OUT:
            _leave(answer.strip())
        try:
            return field.read(answer)
        except ValueError as error:
            asked = f"That does not fit: {one_line(str(error))}\n{one_line(field.title)}: "


async def _settle(line: Line, asked: str) -> None:
    """Return when the person accepts."""
    while (answer := await line(asked + _CHOICES)) and not answer.strip():
        asked = ""
    word = answer.strip().lower()
    if word not in ("a", "accept"):
        _leave(word)


def _leave(word: str) -> None:
    """End the question: whoever says neither yes nor no has given no answer."""
    from axio_tools_mcp.elicitation import Dismissed

    if word.strip("/") in ("d", "decline"):
        raise _Declined
    raise Dismissed("the person has closed the question")


def _asks(question: Elicitation) -> str:
    words = one_line(question.message, _LONGEST)
    return f"The MCP server {question.server!r}, a stranger, asks:\n  {words}"
