"""Questions that a server asks of a person in the middle of its work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from axio_tools_mcp.errors import MCPServerError

__all__ = ("Dismissed", "Elicit", "Elicitation")


@dataclass(frozen=True, slots=True)
class Elicitation:
    """`message` is what the server wants to know or have done.

    `schema` describes the fields of a form, each a text, number, truth value or choice; with a
    `url` instead the person is to open that page. Both are the words of a stranger.
    """

    server: str
    message: str
    schema: dict[str, Any] = field(default_factory=dict)
    url: str = ""


Elicit: TypeAlias = Callable[[Elicitation], Awaitable[dict[str, Any] | None]]
"""Returns the fields that a person has filled in, no fields for a page that was opened, and None to
decline. Raises `Dismissed` when the person gave no answer at all."""


class Dismissed(MCPServerError):
    """The question was closed without an answer."""
