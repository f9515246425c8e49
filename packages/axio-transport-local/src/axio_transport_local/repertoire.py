"""All tools of a conversation as the offline model knows them, and which it reads of."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from axio_transport_local.examples import MORE_TALK, SMALL_TALK, Example
from axio_transport_local.fillings import usual_points
from axio_transport_local.nearest import NearestExamples
from axio_transport_local.prompt import cost, prefix, reply_name
from axio_transport_local.request import Request
from axio_transport_local.skill import Skill, skill_of
from axio_transport_local.words import shape

if TYPE_CHECKING:
    from axio.tool import AnyTool

__all__ = ("PREFIX_TOKENS", "SHORTLIST_TOKENS", "Repertoire", "fingerprint")

PREFIX_TOKENS = 2048
"""Tools and examples that cost no more are read once, for all requests."""

SHORTLIST_TOKENS = 512
"""Of more tools, those nearest to a request are read for that request, up to this cost."""

FEW = 3
"""So many examples of each tool are kept, at least, before tools are left out."""

TOO_LIKE = 0.5
"""Small talk that is so like an example of a tool does not count as small talk."""


@dataclass(frozen=True)
class Repertoire:
    """Some tools, and small talk that needs none of them, of which the model reads a part."""

    skills: tuple[Skill, ...]
    small_talk: tuple[str, ...]
    more_talk: tuple[str, ...]

    @classmethod
    def of(cls, tools: Sequence[AnyTool]) -> Repertoire:
        """Learn the tools; of several with one name the first."""
        by_name = {tool.name: tool for tool in reversed(tools)}
        skills = tuple(skill_of(by_name[name]) for name in dict.fromkeys(t.name for t in tools))
        return cls(skills, *_small_talk(skills))._with_few_examples()

    @cached_property
    def reply(self) -> str:
        """The name that stands for calling no tool."""
        return reply_name(skill.name for skill in self.skills)

    @cached_property
    def names(self) -> list[str]:
        return [*(skill.name for skill in self.skills), self.reply]

    @cached_property
    def prefix(self) -> str:
        return prefix(self.skills, self.small_talk, self.reply)

    @cached_property
    def fits(self) -> bool:
        """True if the model can read of all these tools at once."""
        return cost(self.prefix) <= PREFIX_TOKENS

    @cached_property
    def nearest(self) -> NearestExamples:
        labelled = {skill.name: _worded(skill) for skill in self.skills}
        labelled[self.reply] = [
            Example(request, {}) for request in (*self.small_talk, *self.more_talk)
        ]
        return NearestExamples(labelled)

    @cached_property
    def usual(self) -> dict[str, float]:
        """The points that fillings of a tool's own examples get; see `spans`."""
        return {skill.name: usual_points(skill) for skill in self.skills}

    def shortlist(self, request: Request) -> Repertoire:
        """All tools if they fit, else those that the request's wording is nearest to."""
        if self.fits:
            return self
        likeness = self.nearest.likeness(request)
        said = request.stems

        def relevance(skill: Skill) -> float:
            return likeness[skill.name] + len(said & skill.own) / math.sqrt(1 + len(skill.own))

        chosen: list[Skill] = []
        for skill in sorted(self.skills, key=relevance, reverse=True):
            few = replace(skill, read=skill.read[:FEW])
            more = prefix([*chosen, few], self.small_talk, self.reply)
            if chosen and cost(more) > SHORTLIST_TOKENS:
                break
            chosen.append(few)
        return Repertoire(tuple(chosen), self.small_talk, self.more_talk)

    def _with_few_examples(self) -> Repertoire:
        """The same with fewer examples of each tool, where that makes them fit."""
        fitting = self
        most = max((len(skill.read) for skill in self.skills), default=0)
        while not fitting.fits and most > FEW:
            most -= 1
            skills = tuple(replace(s, read=s.read[:most]) for s in self.skills)
            fitting = replace(self, skills=skills)
        return fitting if fitting.fits else self


def _worded(skill: Skill) -> list[Example]:
    """The examples, with what was put into their requests; single words may mean the tool."""
    put_in: dict[str, list[Any]] = {}
    for slot in skill.slots:
        for template in slot.templates:
            for example in template.holes.examples:
                long = [text for text in example.arguments.values() if shape(text) != "word"]
                put_in.setdefault(example.request, []).extend(long)
    return [
        Example(e.request, {"given": [*e.arguments.values(), *put_in.get(e.request, ())]})
        for e in skill.examples
    ]


def fingerprint(tools: Sequence[AnyTool]) -> str:
    """Equal for tools that are the same to the offline model."""
    described = [
        [tool.name, tool.description, dict(tool.schema), list(tool.examples)] for tool in tools
    ]
    return hashlib.sha256(json.dumps(described, default=str).encode()).hexdigest()


def _small_talk(skills: Sequence[Skill]) -> Iterator[tuple[str, ...]]:
    """The small talk that no tool is for, such as rain where there is a weather tool."""
    nearest = NearestExamples({skill.name: _worded(skill) for skill in skills})
    for talk in (SMALL_TALK, MORE_TALK):
        likeness = [max(nearest.likeness(Request(text)).values(), default=0.0) for text in talk]
        yield tuple(text for text, like in zip(talk, likeness, strict=True) if like < TOO_LIKE)
