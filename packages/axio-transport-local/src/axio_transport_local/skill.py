"""A tool as the offline model knows it: what its examples teach about its arguments."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from axio.schema import Validator, compile_signature
from axio_transport_local.examples import MAX_READ, Example, accepted, likely_shapes, synthesised
from axio_transport_local.parameters import NUMERIC, Parameter, Path, parameters, value_at
from axio_transport_local.request import Request
from axio_transport_local.words import CLOSED, Shape, context, listed, shape, stems

if TYPE_CHECKING:
    from axio.tool import AnyTool

__all__ = ("Constant", "Skill", "Slot", "Template", "skill_of")

COPIED = 0.5
"""From this share of examples on whose value stands in the request, values are copied from it."""


LONGEST = 32
"""So many words of a request are looked for in a value that is made of it."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A value that does not stand in its request, such as "." for the current folder."""

    value: str
    requests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Template:
    """A value that is made of its request, such as "rm a.txt" for "delete a.txt".

    The `literals` stand around what fills the slots of `holes`, of which there is one fewer;
    `said` are the stems of what the request says besides.
    """

    literals: tuple[str, ...]
    holes: Skill
    said: frozenset[str]


@dataclass(frozen=True, slots=True)
class Slot:
    """The lessons of the examples about one parameter.

    `copied`: values are taken from the request, else made up from it. The rest is about copied
    ones: their `shapes`, the words `before` and `after` them (see `words.context`), the words
    they begin with (`openings`), whether all are one `single` word, one was the `whole` request,
    one `keeps` its final stop; the `texts`, and the `requests` they were copied from;
    `constants`; `templates`; and `shared`, the slots that took the same piece of a request.
    """

    parameter: Parameter
    copied: bool
    known: bool
    shapes: frozenset[Shape]
    before: frozenset[str]
    after: frozenset[str]
    openings: frozenset[str]
    single: bool
    whole: bool
    keeps: bool
    texts: tuple[str, ...]
    requests: tuple[str, ...]
    constants: tuple[Constant, ...]
    templates: tuple[Template, ...]
    shared: frozenset[Path]

    @property
    def is_found(self) -> bool:
        """True if values are looked for in the request (see `spans`), not made up or chosen."""
        return self.copied and self.parameter.kind in ("text", "list", *NUMERIC)


@dataclass(frozen=True, slots=True)
class Skill:
    """`read`: the examples that the model reads; the others teach as well. `frame`: words of the
    examples' requests that are not part of a value. `own`: stems of the tool's name and
    description."""

    name: str
    description: str
    examples: tuple[Example, ...]
    read: tuple[Example, ...]
    slots: tuple[Slot, ...]
    frame: frozenset[str]
    own: frozenset[str]
    validator: Validator

    @property
    def counts(self) -> bool:
        """True if numbers in a request are likely to be arguments of their own."""
        return any(slot.parameter.kind in NUMERIC for slot in self.slots)


@dataclass(frozen=True, slots=True)
class _Found:
    """A value of an example where it stands in the request: words `first` to `last`."""

    start: int
    end: int
    first: int
    last: int


_ANYTHING = compile_signature(None, {"type": "object"})


def skill_of(tool: AnyTool) -> Skill:
    """Learn a tool. One whose schema nothing can be made of has slots that cannot be filled."""
    schema = tool.input_schema
    wanted = parameters(schema)
    examples = accepted(tool.examples)
    known = bool(examples)
    examples = examples or synthesised(tool.name, tool.description, wanted)
    validator = compile_signature(None, schema)
    return _learnt(tool.name, tool.description, wanted, examples, known, validator)


def _learnt(
    name: str,
    description: str,
    wanted: Sequence[Parameter],
    examples: tuple[Example, ...],
    known: bool,
    validator: Validator,
) -> Skill:
    places = [_places(example, wanted) for example in examples]
    requests = [Request(example.request) for example in examples]
    said = f"{name} {description}"
    slots = tuple(
        _learn(parameter, examples, requests, places, None if known else said)
        for parameter in wanted
    )
    frame = {
        word.key
        for request, found in zip(requests, places, strict=True)
        for word in request.words
        if not any(place.start <= word.start < place.end for place in found.values())
    }
    own, read = stems(said), examples[:MAX_READ]
    return Skill(name, description, examples, read, slots, frozenset(frame), own, validator)


def _learn(
    parameter: Parameter,
    examples: Sequence[Example],
    requests: Sequence[Request],
    places: Sequence[Mapping[Path, _Found]],
    said: str | None,
) -> Slot:
    """Learn from the examples; where these are synthesised, from the words `said` of the tool."""
    path, kind = parameter.path, parameter.kind
    given = [
        (request, found, value)
        for example, request, found in zip(examples, requests, places, strict=True)
        if (value := value_at(example.arguments, path)) is not None
    ]
    copied = [(request, found[path], value) for request, found, value in given if path in found]
    texts = [request.text[place.start : place.end] for request, place, _ in copied]
    looks = [item for text in texts for item in (listed(text) if kind == "list" else [text])]
    around = [context(request.words, place.first, place.last) for request, place, _ in copied]
    unseen = [(request, value) for request, found, value in given if path not in found]
    constants = _constants(unseen)
    known = said is None and bool(given)
    shapes = map(shape, looks) if known else likely_shapes(parameter)
    before = {before for before, _ in around}
    if not known:
        before.update(re.findall(r"[^\W_]+", f"{parameter.name} {said or ''}".lower()))
    return Slot(
        parameter,
        copied=_is_copied(given[:MAX_READ], path),
        known=known,
        shapes=frozenset(shapes),
        before=frozenset(before),
        after=frozenset(after for _, after in around),
        openings=frozenset(request.words[place.first].key for request, place, _ in copied),
        single=known and all(place.first == place.last for _, place, _ in copied),
        whole=any(
            text == request.text for (request, _, _), text in zip(copied, texts, strict=True)
        ),
        keeps=any(text[-1:] in "?!." for text in texts if text),
        texts=tuple(texts),
        requests=tuple(request.text for request, _, _ in copied),
        constants=constants,
        templates=tuple(_templates(unseen)) if kind == "text" and known else (),
        shared=frozenset(
            other
            for found in places
            for other, place in found.items()
            if known and other != path and found.get(path) == place
        ),
    )


def _constants(unseen: Sequence[tuple[Request, Any]]) -> tuple[Constant, ...]:
    """The shortest of texts that do not stand in their requests: "", ".", "/"."""
    values: dict[str, list[str]] = {}
    for request, value in unseen:
        if isinstance(value, str) and len(value) <= 1:
            values.setdefault(value, []).append(request.text)
    return tuple(Constant(value, tuple(requests)) for value, requests in values.items())


def _templates(unseen: Sequence[tuple[Request, Any]]) -> Iterator[Template]:
    """How each longer text that does not stand in its request is made of it."""
    for request, value in unseen:
        if not isinstance(value, str) or len(value) <= 1:
            continue
        literals, pieces = _taken_apart(request, value)
        wanted = [Parameter((str(number),), "text", True, {}) for number in range(len(pieces))]
        example = Example(request.text, {str(n): piece for n, piece in enumerate(pieces)})
        holes = _learnt("", "", wanted, (example,), True, _ANYTHING)
        yield Template(literals, holes, stems(" ".join(holes.frame)))


def _taken_apart(request: Request, value: str) -> tuple[tuple[str, ...], list[str]]:
    """A text as what is its own, and between that what it has from its request."""
    pieces: list[tuple[int, str]] = []
    words = request.words[:LONGEST]
    runs = [words[first:last] for last in range(len(words) + 1) for first in range(last)]
    told = [run for run in runs if not all(word.key in CLOSED for word in run)]
    texts = {request.text[run[0].start : run[-1].end] for run in told}
    for text in sorted(texts, key=lambda text: (-len(text), text)):
        for match in re.finditer(rf"(?<!\w){re.escape(text)}(?!\w)", value):
            if not any(at < match.end() and match.start() < at + len(t) for at, t in pieces):
                pieces.append((match.start(), text))
                break
    literals, end = [], 0
    for start, text in sorted(pieces):
        literals.append(value[end:start])
        end = start + len(text)
    return (*literals, value[end:]), [text for _, text in sorted(pieces)]


def _is_copied(given: Sequence[tuple[Request, Mapping[Path, _Found], Any]], path: Path) -> bool:
    held = [
        path in found or (isinstance(value, str) and len(value) <= 1) for _, found, value in given
    ]
    return sum(held) >= COPIED * len(held)


def _places(example: Example, wanted: Sequence[Parameter]) -> dict[Path, _Found]:
    """Where the values of an example stand in its request."""
    request = Request(example.request)
    found = {}
    for parameter in wanted:
        value = value_at(example.arguments, parameter.path)
        spans = list(_spans(request, parameter, value))
        if spans:
            start, end = min(s for s, _ in spans), max(e for _, e in spans)
            inside = [
                i for i, word in enumerate(request.words) if word.start < end and word.last > start
            ]
            found[parameter.path] = _Found(start, end, inside[0], inside[-1])
    return found


def _spans(request: Request, parameter: Parameter, value: Any) -> Iterator[tuple[int, int]]:
    items = value if isinstance(value, list) else [value]
    for item in items:
        if isinstance(item, bool) or item is None:
            continue
        if isinstance(item, int | float):
            for numeral in request.numerals:
                if numeral.value == item:
                    yield numeral.start, numeral.end
                    break
        elif isinstance(item, str) and parameter.kind in ("text", "list") and item:
            edge = r"(?<!\w)" if item[0].isalnum() else "", r"(?!\w)" if item[-1].isalnum() else ""
            match = re.search(edge[0] + re.escape(item) + edge[1], request.text)
            if match:
                yield match.span()
