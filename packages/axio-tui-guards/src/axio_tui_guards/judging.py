"""One judgement from all rules: denying wins over asking, and asking over allowing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from axio_tui_guards.calls import Call, possible_programs
from axio_tui_guards.parts import Part
from axio_tui_guards.paths import Identities, is_within
from axio_tui_guards.programs import Program
from axio_tui_guards.protected import belongs_to
from axio_tui_guards.rules import Effect, Rule, describe
from axio_tui_guards.values import Unreadable

__all__ = ("Judgement", "judge")


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict of the rules on a call, and the reason."""

    effect: Effect
    reason: str


def judge(call: Call, rules: Iterable[Rule], remembered: Iterable[Rule] = ()) -> Judgement:
    """The verdict of the configured rules and the remembered ones together.

    In this order: what any rule denies is refused; what a person has allowed passes, but not where
    a configured rule may deny it and was not seen for certain; what a configured rule asks about,
    what cannot be read and what no rule allows is asked about.
    """
    rules, remembered = list(rules), list(remembered)
    court = _Court(call, rules, remembered)
    denied = court.denies()
    if denied is not None and denied.effect == "deny":
        return denied
    if any(rule.call == call.fingerprint and rule.fits_call(call) for rule in court.allowed_before):
        return Judgement("allow", "a person allowed this call before")
    if call.unparsable:
        return Judgement("ask", f"it cannot be read for certain: {call.unparsable}")
    return denied or court.asks() or Judgement("allow", "rules allow all of it")


class _Court:
    """One call before all rules."""

    def __init__(self, call: Call, rules: Sequence[Rule], remembered: Sequence[Rule]) -> None:
        self._call = call
        self._rules = rules
        self._all = [*rules, *remembered]
        self._allowing = [rule for rule in rules if rule.effect == "allow"]
        self.allowed_before = [rule for rule in remembered if rule.effect == "allow"]
        self._same = Identities()
        self._programs: Sequence[Program] | None = None

    def denies(self) -> Judgement | None:
        """A refusal, or a question whether there has to be one."""
        denying = [rule for rule in self._all if rule.effect == "deny"]
        doubt = ""
        for part in self._call.parts:
            # Where its output goes is shown, and looked at besides.
            itself = replace(part, writes=False)
            trusted = any(
                rule.names(part) and rule.covers(self._call, itself)
                for rule in self._allowing + self.allowed_before
            )
            for rule in denying:
                answer = rule.touches(self._call, part, trusted, self._same)
                if answer is True:
                    why = f"a rule denies {describe(rule)}: {self._shown(part)}"
                    return Judgement("deny", why)
                if answer:
                    doubt = doubt or f"it may do what a rule denies ({describe(rule)}): {answer}"
        doubt = doubt or self._hidden(denying, "it may do what a rule denies")
        return Judgement("ask", doubt) if doubt else None

    def asks(self) -> Judgement | None:
        """A question about the first thing that is not allowed."""
        asking = [rule for rule in self._rules if rule.effect == "ask"]
        freeing = [*self._allowing, *self.allowed_before]
        for part in self._call.parts:
            allowed_before = self._is_covered(self.allowed_before, part)
            for rule in asking:
                if allowed_before and rule.holding is None:
                    continue
                answer = rule.touches(self._call, part, False, self._same)
                if answer and not any(own.frees(rule, self._call, part) for own in freeing):
                    why = "" if answer is True else f": {answer}"
                    return Judgement("ask", f"a rule asks about {describe(rule)}{why}")
            if not (allowed_before or self._is_covered(self._allowing, part)):
                return Judgement("ask", self._not_allowed(part))
        hidden = self._hidden(asking, "a rule asks about it")
        return Judgement("ask", hidden) if hidden else None

    def _hidden(self, rules: Iterable[Rule], what: str) -> str:
        """Why values that may be commands concern one of the rules; "" if they do not."""
        for rule in rules:
            if rule.command is not None:
                try:
                    why = rule.may_touch(self._call, self._possible())
                except Unreadable as error:
                    why = str(error)
                if why:
                    return f"{what} ({describe(rule)}): {why}"
        return ""

    def _possible(self) -> Sequence[Program]:
        if self._programs is None:
            self._programs = possible_programs(self._call)
        return self._programs

    def _is_covered(self, rules: Iterable[Rule], part: Part) -> bool:
        if self._does_nothing(part):
            return any(rule.fits_call(self._call) for rule in rules)
        return any(rule.covers(self._call, part) for rule in rules)

    def _does_nothing(self, part: Part) -> bool:
        """True if it does nothing but perhaps take in a file of the working directory."""
        program = part.program
        if program is None or not program.neutral or part.writes:
            return False
        inputs = [redirect for redirect in program.redirects if redirect.reads]
        return all(redirect.target.literal for redirect in inputs) and all(
            any(is_within(place, base) for base in self._call.base)
            and not belongs_to("secrets", place)
            for place in part.inputs
        )

    def _not_allowed(self, part: Part) -> str:
        """The reason to ask, with what keeps a rule from allowing it if one comes close."""
        for rule in self._allowing:
            if rule.fits_call(self._call) and (rule.names(part) or rule.command is None):
                lacking = f"{self._shown(part)}: {rule.lacks(part)}"
                return f"no rule allows {lacking}. Allowed is: {describe(rule)}"
        return f"no rule allows {self._shown(part)}"

    def _shown(self, part: Part) -> str:
        if part.words:
            return repr(" ".join(word.text for word in part.words)[:200])
        if part.words is None:
            return f"this call of {self._call.tool!r}"
        return "writing to this file" if part.writes else "reading this file"
