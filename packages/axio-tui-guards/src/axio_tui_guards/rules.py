"""Rules: which calls are allowed, asked about or refused."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Literal, TypeAlias, get_args

from axio_tui_guards.calls import Call
from axio_tui_guards.denial import Answer, speaks_of
from axio_tui_guards.hosts import normal_host
from axio_tui_guards.parts import Part
from axio_tui_guards.paths import Identities, is_within, resolve
from axio_tui_guards.programs import Program
from axio_tui_guards.protected import Holding, belongs_to, first_below
from axio_tui_guards.shell_words import Word

__all__ = ("Access", "Effect", "Rule", "describe", "text_of")

Effect: TypeAlias = Literal["allow", "ask", "deny"]
Access: TypeAlias = Literal["read", "write", "nothing"]


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Everything that is given must fit; `*`, `?` and `[…]` stand for any text.

    `tool` is a pattern for the tool's name, `arguments` has one for the whole text of each argument
    it names, `host` one for hosts. `path` is a directory or file: that and all below it. `command`
    has a pattern for each word of a command; a final `*` stands for any number of words. `access`
    is "read" for what changes nothing, "write" for what may, both without hosts and without running
    anything that is not shown, and "nothing" for what changes nothing and names no path, host or
    command; `holding` is "secrets" or "protected", for places of that kind, wherever they lie.

    A rule that allows has to fit all of a command exactly: "git status" is that and no more. With a
    path or host every argument has to be readable, and lie there. A redirection to a file needs a
    rule with a path, or one without a command. A variable that may change what the program does
    needs a rule that trusts it with all it can do: "python *", or one without a command.

    A rule that asks about a kind of places stands until one that allows names such a place with its
    `path`, or the kind: no general rule frees them.

    A rule that asks or denies fits as soon as one command, path or host does: "rm" fits `sudo
    /bin/rm -r x`, and "git push" fits `git -C x push`, but not `git stash push`.
    """

    effect: Effect
    tool: str = "*"
    arguments: Mapping[str, str] = field(default_factory=dict, hash=False)
    path: str | None = None
    host: str | None = None
    command: str | None = None
    call: str | None = None
    """The fingerprint of the one call that is meant, as remembered from a person's answer."""
    access: Access | None = None
    holding: Holding | None = None

    def __post_init__(self) -> None:
        if self.effect not in get_args(Effect):
            raise ValueError(f"effect must be one of {get_args(Effect)}, got {self.effect!r}")
        if self.access not in (None, *get_args(Access)):
            raise ValueError(f"access must be one of {get_args(Access)}, got {self.access!r}")
        if self.holding not in (None, *get_args(Holding)):
            raise ValueError(f"holding must be one of {get_args(Holding)}, got {self.holding!r}")
        if self.command is not None and not self.command.split():
            raise ValueError("command must name a program")
        if self.path is not None:
            object.__setattr__(self, "path", resolve(self.path))
        if self.host is not None and "*" not in self.host:
            object.__setattr__(self, "host", normal_host(self.host))

    def fits_call(self, call: Call) -> bool:
        """True if tool, arguments and fingerprint fit."""
        return (
            fnmatchcase(call.tool, self.tool)
            and all(
                name in call.arguments and fnmatchcase(text_of(call.arguments[name]), pattern)
                for name, pattern in self.arguments.items()
            )
            and self.call in (None, call.fingerprint)
        )

    # ── rules that allow ──────────────────────────────────────────────────────────────────────

    def covers(self, call: Call, part: Part) -> bool:
        """True if a rule that allows speaks of all that the part does."""
        return self.fits_call(call) and not self.lacks(part)

    def lacks(self, part: Part) -> str:
        """Why a rule for such calls does not speak of all that the part does; "" if it does."""
        return (
            ("" if self.command is None else self._other_command(self.command.split(), part))
            or ("" if self.path is None else _elsewhere(self.path, part))
            or ("" if self.host is None else _other_host(self.host.lower(), part))
            or ("" if self.access is None else _more_than(self.access, part))
            or ("" if self.holding is None else _not_held(self.holding, part))
        )

    def _other_command(self, patterns: list[str], part: Part) -> str:
        if part.words is None or not _is_exactly(patterns, part.words):
            return "it has other words"
        assert part.program is not None
        trusted = part.program.opaque and len(patterns) <= 2 and patterns[-1] == "*"
        if part.variables and not trusted:
            return f"the variable {part.variables[0].name} may change what it does"
        return "its output goes to a file" if part.writes and self.path is None else ""

    def frees(self, asking: Rule, call: Call, part: Part) -> bool:
        """True if this rule allows, by naming them, the places that another asks about."""
        holding = asking.holding
        if holding is None or not self.fits_call(call):
            return False
        held = [place for place in part.places if belongs_to(holding, place)]
        if self.holding == holding:
            return self.path is None or all(is_within(place, self.path) for place in held)
        own = self.path is not None and belongs_to(holding, self.path)
        return own and bool(held) and all(is_within(place, str(self.path)) for place in held)

    def names(self, part: Part) -> bool:
        """True if the rule speaks of this very program, not of programs in general."""
        return bool(self.command and part.words and self.command.split()[0] == part.words[0].text)

    # ── rules that ask or deny ────────────────────────────────────────────────────────────────

    def touches(self, call: Call, part: Part, trusted: bool, same: Identities) -> Answer:
        """True if a rule that refuses speaks of what the part does; a text says why it may.

        An opaque part may do anything besides what it shows, unless it is `trusted`.
        """
        if not self.fits_call(call):
            return False
        opaque = "" if trusted else part.opaque
        answers: list[Answer] = [True]
        if self.command is not None:
            answers.append(_touches_command(self.command.split(), part, opaque))
        if self.path is not None:
            answers.append(_touches_path(self.path, part, opaque, same))
        if self.host is not None:
            answers.append(_touches_host(self.host.lower(), part, opaque))
        if self.access is not None:
            answers.append(_is_of(self.access, part))
        if self.holding is not None:
            answers.append(_touches_holding(self.holding, part))
        if False in answers:
            return False
        return next((answer for answer in answers if answer is not True), True)

    def may_touch(self, call: Call, programs: Iterable[Program]) -> str:
        """Why a rule for commands may speak of values that could be commands; "" if it does not."""
        if self.command is not None and self.fits_call(call):
            for program in programs:
                if speaks_of(self.command.split(), program) is True:
                    words = " ".join(word.text for word in program.words)
                    return f"{words[:80]!r} may be a command"
        return ""


def describe(rule: Rule) -> str:
    """The subject of a rule, in words for a person."""
    told = [f"tool {rule.tool!r}"] if rule.tool != "*" else []
    told += [f"{name} {pattern!r}" for name, pattern in rule.arguments.items()]
    told += [
        f"{name} {value!r}"
        for name in ("command", "path", "host")
        if (value := getattr(rule, name)) is not None
    ]
    kind = {"secrets": "secrets", "protected": "protected places", None: ""}[rule.holding]
    access = f"{rule.access} access".replace("nothing", "no") if rule.access else ""
    told += [" to ".join(filter(None, (access, kind)))] if access or kind else []
    told += ["this very call"] if rule.call else []
    return ", ".join(told) or "every call"


def _elsewhere(path: str, part: Part) -> str:
    places = part.places | part.here
    if part.unclear_paths or not places:
        return part.unclear_paths or "it names no place"
    outside = next((place for place in sorted(places) if not is_within(place, path)), "")
    return outside and f"{outside} lies elsewhere"


def _other_host(pattern: str, part: Part) -> str:
    if part.unclear_hosts or part.opaque or not part.hosts:
        return part.unclear_hosts or part.opaque or "it names no host"
    hosts = sorted(part.hosts | part.possible_hosts)
    other = next((host for host in hosts if not fnmatchcase(host, pattern)), "")
    return other and f"{other!r} is another host"


def _more_than(access: Access, part: Part) -> str:
    """Why it is not proved to do no more than to read or change the places that it shows."""
    if part.opaque or part.reaches_out:
        return part.opaque or "it may reach a host"
    if part.changes not in (("", "places") if access == "write" else ("",)):
        return "it may change something"
    return "" if access != "nothing" or part.is_bare else "it names what it works on"


def _is_of(access: Access, part: Part) -> bool:
    if access == "nothing":
        return part.is_bare and not part.changes
    return bool(part.changes) == (access == "write")


def _not_held(holding: Holding, part: Part) -> str:
    if part.unclear_paths or not part.places:
        return part.unclear_paths or "it names no place"
    other = next((place for place in sorted(part.places) if not belongs_to(holding, place)), "")
    return other and f"{other} is no such place"


def _touches_command(patterns: list[str], part: Part, opaque: str) -> Answer:
    if part.program is None:
        return opaque or False
    return speaks_of(patterns, replace(part.program, opaque=opaque))


def _touches_holding(holding: Holding, part: Part) -> Answer:
    """A part that may do anything is not held back: it shows nothing of the kind."""
    if any(belongs_to(holding, place) for place in part.places | part.here):
        return True
    if part.opaque:
        return False
    found = next(filter(None, (first_below(holding, place) for place in sorted(part.deep))), "")
    if found:
        return f"it may go through {found}"
    return part.unclear_paths or False


def _touches_path(path: str, part: Part, opaque: str, same: Identities) -> Answer:
    if any(same.is_within(place, path) for place in part.places | part.here):
        return True
    # A directory around it may be searched or removed with all that it holds.
    around = next((place for place in sorted(part.deep) if is_within(path, place)), "")
    return (around and f"it may go through {around}") or opaque or part.unclear_paths or False


def _touches_host(pattern: str, part: Part, opaque: str) -> Answer:
    if any(fnmatchcase(host, pattern) for host in part.hosts):
        return True
    possible = next((h for h in sorted(part.possible_hosts) if fnmatchcase(h, pattern)), "")
    return (possible and f"{possible!r} may be a host") or opaque or part.unclear_hosts or False


def text_of(value: Any) -> str:
    """An argument as the pattern of a rule sees it."""
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
