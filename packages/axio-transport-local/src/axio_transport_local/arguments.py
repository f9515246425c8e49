"""The arguments of a call: copied from the request, chosen, or made up by the model."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from axio.exceptions import HandlerError
from axio.types import JSONObject
from axio_transport_local.fillings import Filling
from axio_transport_local.grammar import one_of, text_until
from axio_transport_local.labels import ABSENT, likely_labels
from axio_transport_local.limits import allows
from axio_transport_local.model import Model
from axio_transport_local.parameters import Path, nest, value_at
from axio_transport_local.prompt import ask, begun
from axio_transport_local.request import Request
from axio_transport_local.skill import Skill, Slot
from axio_transport_local.words import stems

__all__ = ("fill", "fillable")

CLOSE = 0.5
"""Fillings whose points differ by no more are left to the model."""

TOKENS = 64
"""Tokens that a value may take."""

_VERBATIM = re.compile(r":\s+(\S.*)$", re.DOTALL)


def fillable(filling: Filling, skill: Skill) -> bool:
    """True if every required argument can be had."""
    return all(_has(filling, slot) for slot in skill.slots if slot.parameter.required)


def _has(filling: Filling, slot: Slot) -> bool:
    match slot.parameter.kind:
        case "unknown":
            return "default" in slot.parameter.schema
        case "boolean" | "choice":
            return True
        case "text" if not slot.copied:
            return True
    return slot.parameter.path in filling.pieces or "default" in slot.parameter.schema


def fill(
    model: Model, prefix: str, request: Request, skill: Skill, ways: Sequence[Filling]
) -> JSONObject | None:
    """Arguments that are valid by the tool's schema, or None where there are no such."""
    values = _Writer(model, prefix + ask(request.line), request, skill, ways).values()
    if values is None:
        return None
    arguments = nest(values)
    try:
        skill.validator.bind(arguments)
    except HandlerError:
        return None
    return arguments


@dataclass
class _Writer:
    model: Model
    prompt: str
    request: Request
    skill: Skill
    ways: Sequence[Filling]

    def values(self) -> dict[Path, Any] | None:
        self.ways = [way for way in self.ways if way.points >= self.ways[0].points - CLOSE]
        values: dict[Path, Any] = {}
        for slot in self.skill.slots:
            value = self._value(slot, values)
            if value is ABSENT:
                if slot.parameter.required:
                    return None
            else:
                values[slot.parameter.path] = value
        return values

    def _value(self, slot: Slot, values: Mapping[Path, Any]) -> Any:
        match slot.parameter.kind:
            case "boolean" | "choice":
                found = self._chosen(slot, values)
            case "unknown":
                found = ABSENT
            case "text" if not (slot.copied or slot.parameter.path in self.ways[0].pieces):
                found = self._made_up(slot, values)
            case _:
                found = self._copied(slot, values)
        if found is ABSENT and slot.parameter.required:
            return slot.parameter.schema.get("default", ABSENT)
        return found

    def _copied(self, slot: Slot, values: Mapping[Path, Any]) -> Any:
        path = slot.parameter.path
        if path not in self.ways[0].pieces:
            return ABSENT
        options = {_key(way.pieces[path].value): way for way in self.ways if path in way.pieces}
        key = next(iter(options))
        if len(options) > 1:
            key = self._ask(slot, values, list(options))
        value = options[key].pieces[path].value
        self.ways = [
            way for way in self.ways if path in way.pieces and way.pieces[path].value == value
        ]
        return value

    def _chosen(self, slot: Slot, values: Mapping[Path, Any]) -> Any:
        labels = likely_labels(self.request, slot, self.skill)
        if len(labels) <= 1:
            return labels[0] if labels else ABSENT
        by_key = {_key(label): label for label in labels}
        return by_key[self._ask(slot, values, list(by_key))]

    def _ask(self, slot: Slot, values: Mapping[Path, Any], options: Sequence[str]) -> str:
        """The option that the model takes, each as JSON; the first if it takes none."""
        prompt = self.prompt + begun(self.skill, values, slot.parameter.path)
        end = self._end(slot)
        text = self.model.write(prompt, one_of(options, end), TOKENS)
        chosen = text.removesuffix(end)
        return chosen if chosen in options else options[0]

    def _made_up(self, slot: Slot, values: Mapping[Path, Any]) -> Any:
        if slot is self.skill.slots[-1] and (said := _VERBATIM.search(self.request.text)):
            return said[1] if allows(slot.parameter.schema, said[1]) else ABSENT
        prompt = self.prompt + begun(self.skill, values, slot.parameter.path) + '"'
        end = '"' + self._end(slot)
        text = self.model.write(prompt, text_until(end), TOKENS)
        if not text.endswith(end):  # It would never have stopped: nothing to be trusted.
            return ABSENT
        try:
            value = json.loads(f'"{text.removesuffix(end)}"')
        except ValueError:
            return ABSENT
        fits = allows(slot.parameter.schema, value) and self._is_grounded(value, slot)
        return value if fits else ABSENT

    def _is_grounded(self, value: str, slot: Slot) -> bool:
        """True if all words and numbers of a made-up value come from the request or the examples.

        The rest would be the model's own invention, such as an option that deletes more.
        """
        examples = (
            value_at(example.arguments, slot.parameter.path) for example in self.skill.examples
        )
        known = stems(" ".join(map(str, examples))) | self.request.stems
        return stems(value) <= known

    def _end(self, slot: Slot) -> str:
        return ")" if slot is self.skill.slots[-1] else ", "


def _key(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
