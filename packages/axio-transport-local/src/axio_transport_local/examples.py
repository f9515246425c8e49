"""Requests with their arguments: those a tool carries, or plain ones made from its schema."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from axio_transport_local.parameters import Parameter, Path, nest
from axio_transport_local.words import Shape, stems

__all__ = (
    "MAX_READ",
    "MORE_TALK",
    "SMALL_TALK",
    "Example",
    "accepted",
    "likely_shapes",
    "synthesised",
)

MAX_EXAMPLES = 40
"""So many examples of one tool teach its wording, and how values are made of a request."""

MAX_READ = 8
"""So many of them the model reads: each costs a tenth of a second, once."""

BRIEF = 3
"""A description of more words says too many things to be a hint."""

SMALL_TALK = (
    "hi there",
    "thank you",
    "what can you do?",
    "who wrote Hamlet?",
    "what is photosynthesis?",
    "write me a poem about the sea",
    "is it going to rain in Oslo?",
    "recommend me a film",
    "goodbye for now",
    "explain how magnets work",
)
"""Requests that need no tool, unless a tool for just that is there."""

MORE_TALK = (
    "exit",
    "quit",
    "bye",
    "stop",
    "hello",
    "thanks!",
    "who are you?",
    "how are you?",
    "who made you?",
    "tell me a joke",
    "sing me a song",
    "what is the capital of Spain?",
    "what is the meaning of life?",
)
"""More of them, which the model does not read."""


@dataclass(frozen=True, slots=True)
class Example:
    request: str
    arguments: Mapping[str, Any]


# What the name, description or format of a parameter says about its values: a word of it, the
# shapes to be expected, and a value for an example.
_HINTS: tuple[tuple[str, tuple[Shape, ...], str], ...] = (
    ("url uri link address website", ("url",), "https://example.org"),
    ("email mail recipient", ("mail", "Name", "word"), "ann@example.org"),
    ("path file filename", ("file", "folder"), "a.txt"),
    ("directory folder dir", ("folder", "word"), "lib"),
    ("date day", ("date", "word", "words", "Name"), "Monday"),
    ("time", ("time",), "10:00"),
    ("name city country person", ("Name", "word"), "Ann"),
    ("code id", ("id", "CAPS", "number", "word"), "A1"),
    ("language", ("Name",), "Greek"),
)


def accepted(examples: Iterable[Any]) -> tuple[Example, ...]:
    """The usable ones among the examples of a tool, each a request and its arguments."""
    usable = []
    for example in examples:
        match example:
            case (str(request), Mapping() as arguments) if request.strip():
                usable.append(Example(" ".join(request.split()), arguments))
    return tuple(usable[:MAX_EXAMPLES])


def synthesised(
    name: str, description: str, parameters: Sequence[Parameter]
) -> tuple[Example, ...]:
    """Plain examples for a tool that has none: its name, or what it says it does, and values."""
    values: dict[Path, Any] = {}
    for parameter in parameters:
        value = _sample(parameter)
        if parameter.required and value is not None:
            values[parameter.path] = value
    tail = " ".join(_written(value) for value in values.values())
    sentence = re.split(r"[.;:\n]", description.strip(), maxsplit=1)[0].strip()
    starts = dict.fromkeys((" ".join(re.findall(r"[^\W_]+", name)).lower(), sentence.lower()))
    return tuple(
        Example(" ".join(f"{start[:120]} {tail}".split()), nest(values))
        for start in starts
        if start
    )


def likely_shapes(parameter: Parameter) -> tuple[Shape, ...]:
    """The shapes that the words about a parameter make likely; () where they say nothing."""
    hint = _hint(parameter)
    return hint[1] if hint else ()


def _hint(parameter: Parameter) -> tuple[str, tuple[Shape, ...], str] | None:
    said_of_it = [parameter.schema.get(key, "") for key in ("format", "title", "description")]
    for said in (parameter.path[-1], *map(str, said_of_it)):
        said_stems = stems(said) if len(said.split()) <= BRIEF else frozenset()
        for hint in _HINTS:
            if stems(hint[0]) & said_stems:
                return hint
    return None


def _sample(parameter: Parameter) -> Any:
    match parameter.kind:
        case "text":
            hint = _hint(parameter)
            return hint[2] if hint else "this"
        case "integer":
            return 3
        case "number":
            return 2.5
        case "boolean":
            return True
        case "choice":
            return parameter.choices[0] if parameter.choices else None
        case "list":
            return ["this"] if parameter.item == "text" else [3]
        case "unknown":
            return None


def _written(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(str(item) for item in value)
    return "" if value is True else str(value)
