"""Rules: which calls are allowed, asked about or refused, and what follows from several of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias, get_args

from axio_tui_guards.calls import Call, Part
from axio_tui_guards.hosts import normal_host
from axio_tui_guards.paths import is_within, resolve
from axio_tui_guards.programs import names_of
from axio_tui_guards.shell_words import Word

__all__ = ("Effect", "Judgement", "Rule", "judge")

Effect: TypeAlias = Literal["allow", "ask", "deny"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Everything that is given must fit; `*`, `?` and `[…]` stand for any text.

    `tool` is a pattern for the tool's name, `arguments` has one for the whole text of each argument
    it names, `host` one for hosts. `path` is a directory or file: that and all below it. `command`
    has a pattern for each word of a command; a final `*` stands for any number of words.

    A rule that allows has to fit all of a command exactly: "git status" is that and no more. A rule
    that asks or denies fits as soon as one command, path or host does: "rm" fits `sudo /bin/rm -r
    x`, and "git push" fits `git -C x push`. A redirection to a file needs a rule with a path, or
    one without a command.
    """

    effect: Effect
    tool: str = "*"
    arguments: Mapping[str, str] = field(default_factory=dict, hash=False)
    path: str | None = None
    host: str | None = None
    command: str | None = None
    call: str | None = None
    """The fingerprint of the one call that is meant, as remembered from a person's answer."""

    def __post_init__(self) -> None:
        if self.effect not in get_args(Effect):
            raise ValueError(f"effect must be one of {get_args(Effect)}, got {self.effect!r}")
        if self.command is not None and not self.command.split():
            raise ValueError("command must name a program")
        if self.path is not None:
            object.__setattr__(self, "path", resolve(self.path))
        if self.host is not None and "*" not in self.host:
            object.__setattr__(self, "host", normal_host(self.host))

    def fits_call(self, call: Call) -> bool:
        """Whether tool, arguments and fingerprint fit."""
        return (
            fnmatchcase(call.tool, self.tool)
            and all(
                name in call.arguments and fnmatchcase(_text(call.arguments[name]), pattern)
                for name, pattern in self.arguments.items()
            )
            and self.call in (None, call.fingerprint)
        )

    def covers(self, call: Call, part: Part) -> bool:
        """Whether a rule that allows speaks of all that the part does."""
        if not self.fits_call(call):
            return False
        if self.command is not None:
            if part.words is None or not _is_exactly(self.command.split(), part.words):
                return False
            if part.writes and self.path is None:
                return False
        if self.path is not None:
            inside = all(is_within(place, self.path) for place in part.places)
            if not (part.clear_paths and part.places and inside):
                return False
        if self.host is not None:
            known = all(fnmatchcase(host, self.host.lower()) for host in part.hosts)
            if not (part.clear_hosts and part.hosts and known):
                return False
        return True

    def names(self, part: Part) -> bool:
        """Whether the rule speaks of this very program, not of programs in general."""
        return bool(self.command and part.words and self.command.split()[0] == part.words[0].text)

    def touches(self, call: Call, part: Part, opaque: bool) -> bool | None:
        """Whether a rule that refuses speaks of anything that the part does; None if it may.

        An `opaque` part may do anything besides what it shows.
        """
        if not self.fits_call(call):
            return False
        answers: list[bool | None] = [True]
        if self.command is not None:
            shown = part.words is not None and _contains(self.command.split(), part.words)
            answers.append(shown or (None if opaque else False))
        if self.path is not None:
            answers.append(_touches_path(self.path, part, opaque))
        if self.host is not None:
            pattern = self.host.lower()
            shown = any(fnmatchcase(host, pattern) for host in part.hosts)
            answers.append(shown or (None if opaque or not part.clear_hosts else False))
        return False if False in answers else None if None in answers else True


def _touches_path(path: str, part: Part, opaque: bool) -> bool | None:
    if any(is_within(place, path) for place in part.places):
        return True
    # A directory around it may be searched or removed with all that it holds.
    around = any(is_within(path, place) for place in part.places)
    return None if around or opaque or not part.clear_paths else False


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=repr, sort_keys=True)


def _is_exactly(patterns: list[str], words: tuple[Word, ...]) -> bool:
    *_, last = patterns
    if last == "*" and len(patterns) > 1:
        patterns, words = patterns[:-1], words[: len(patterns) - 1]
    if len(patterns) != len(words):
        return patterns == ["*"] and bool(words)
    return all(
        word.literal and fnmatchcase(word.text, pattern)
        for pattern, word in zip(patterns, words, strict=True)
    )


def _contains(patterns: list[str], words: tuple[Word, ...]) -> bool:
    """Whether the program fits the first pattern, and words in this order the others."""
    if not words:
        return False
    program, *others = patterns
    if not any(fnmatchcase(name, program) for name in names_of(words[0])):
        return False
    rest = iter(words[1:])
    return all(
        any(not word.literal or fnmatchcase(word.text, other) for word in rest)
        for other in others
        if other != "*"
    )


# ── several rules ─────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say of a call, and why."""

    effect: Effect
    reason: str


def judge(call: Call, rules: Iterable[Rule], remembered: Iterable[Rule] = ()) -> Judgement:
    """What follows from the configured rules and the remembered ones.

    In this order: what any rule denies is refused; what a person has allowed passes, but not where
    a configured rule may deny it and was not seen for certain; what a configured rule asks about,
    what nobody can read and what no rule allows is asked about.
    """
    rules, remembered = list(rules), list(remembered)
    allowing = [rule for rule in rules if rule.effect == "allow"]
    allowed_before = [rule for rule in remembered if rule.effect == "allow"]
    doubt: Rule | None = None
    for part in call.parts:
        named = any(
            rule.names(part) and rule.covers(call, part) for rule in allowing + allowed_before
        )
        opaque = bool(part.opaque) and not named
        for rule in rules + remembered:
            if rule.effect != "deny":
                continue
            answer = rule.touches(call, part, opaque)
            if answer:
                return Judgement("deny", f"a rule denies {describe(rule)}")
            if answer is None:
                doubt = rule
    if any(rule.call == call.fingerprint and rule.fits_call(call) for rule in allowed_before):
        return Judgement("allow", "a person allowed this call before")
    if call.unparsable:
        return Judgement("ask", f"it cannot be read for certain: {call.unparsable}")
    if doubt is not None:
        return Judgement("ask", f"it may do what a rule denies: {describe(doubt)}")
    for part in call.parts:
        if any(_covers(rule, call, part) for rule in allowed_before):
            continue
        for rule in rules:
            if rule.effect == "ask" and rule.touches(call, part, bool(part.opaque)) is not False:
                return Judgement("ask", f"a rule asks about {describe(rule)}")
        if not any(_covers(rule, call, part) for rule in allowing):
            return Judgement("ask", f"no rule allows {_shown(call, part)}")
    return Judgement("allow", "rules allow all of it")


def _covers(rule: Rule, call: Call, part: Part) -> bool:
    if part.neutral and not part.writes:
        return rule.fits_call(call)
    return rule.covers(call, part)


def describe(rule: Rule) -> str:
    """What a rule speaks of, in words for a person."""
    told = [f"tool {rule.tool!r}"] if rule.tool != "*" else []
    told += [f"{name} {pattern!r}" for name, pattern in rule.arguments.items()]
    told += [
        f"{name} {value!r}"
        for name in ("command", "path", "host")
        if (value := getattr(rule, name)) is not None
    ]
    told += ["this very call"] if rule.call else []
    return ", ".join(told) or "every call"


def _shown(call: Call, part: Part) -> str:
    if part.words:
        return repr(" ".join(word.text for word in part.words)[:200])
    return f"this call of {call.tool!r}" if not part.writes else "writing to this file"
