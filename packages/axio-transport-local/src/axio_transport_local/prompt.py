"""The text that the model reads: the tools, worked examples, and the request to be worked next.

The text looks like a Python module in which each comment is a request and the line below it the
call that fulfils it. A small model continues that far better than it follows a chat template.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, count
from typing import Any

from axio_transport_local.parameters import Path, value_at
from axio_transport_local.skill import Skill

__all__ = ("ask", "begun", "cost", "prefix", "reply_name")

ORDER = 3
"""Seed of the order of the examples. Another order changes a few decisions; none is the best."""

DESCRIPTION = 160
"""Characters of a tool's description that the model reads."""

VALUE = 160
"""Characters of a value that the model reads."""

_INTRO = "Translate each request into one call."
_REPLY = "Say something when none of the functions above does what is asked."


def reply_name(names: Iterable[str]) -> str:
    """The name for answering without a tool: one that is not among `names`."""
    taken = set(names)
    candidates = chain(["reply", "say"], (f"reply{number}" for number in count(2)))
    return next(name for name in candidates if name not in taken)


def prefix(skills: Sequence[Skill], small_talk: Sequence[str], reply: str) -> str:
    """The text before the request. The same tools give the same text."""
    head = [f"{skill.name}({_signature(skill)}): {_line(skill.description)}" for skill in skills]
    worked = [
        f"{ask(_line(example.request, VALUE))}{_call(skill, example.arguments)}\n\n"
        for skill in skills
        for example in skill.read
    ]
    worked += [f"{ask(request)}{reply}()\n\n" for request in small_talk]
    random.Random(ORDER).shuffle(worked)
    lines = [_INTRO, *head, f"{reply}(): {_REPLY}"]
    return '"""' + "\n".join(lines) + '\n"""\n\n' + "".join(worked)


def ask(line: str) -> str:
    """The request that is to be worked next, up to where its call begins."""
    return f"# {line}\n"


def begun(skill: Skill, values: Mapping[Path, Any], path: Path) -> str:
    """A call with `values` so far, up to where the value of `path` begins.

    Values of unknown length are cut: what follows depends little on their ends.
    """
    given = [f"{_name(done)}={_value(value)}" for done, value in values.items()]
    return f"{skill.name}({', '.join([*given, f'{_name(path)}='])}"


def cost(text: str) -> int:
    """About how many tokens the model makes of `text`, rather more than fewer."""
    exotic = sum(character > "\x7f" for character in text)
    digits = sum("0" <= character <= "9" for character in text)  # a token each
    return (len(text) - exotic - digits) * 2 // 5 + digits + exotic * 3


def _call(skill: Skill, arguments: Mapping[str, Any]) -> str:
    values = [
        (slot.parameter.path, value_at(arguments, slot.parameter.path)) for slot in skill.slots
    ]
    given = [f"{_name(path)}={_value(value)}" for path, value in values if value is not None]
    return f"{skill.name}({', '.join(given)})"


def _signature(skill: Skill) -> str:
    return ", ".join(_name(slot.parameter.path) for slot in skill.slots)


def _name(path: Path) -> str:
    return ".".join(path)


def _value(value: Any) -> str:
    return json.dumps(value[:VALUE] if isinstance(value, str) else value, ensure_ascii=False)


def _line(text: str, limit: int = DESCRIPTION) -> str:
    """The first paragraph of `text` on one line, cut at a word."""
    line = " ".join(re.split(r"\n\s*\n", text.strip(), maxsplit=1)[0].replace("<|", "< |").split())
    return line if len(line) <= limit else line[:limit].rsplit(" ", 1)[0] + " …"
