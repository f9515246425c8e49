"""A question about one call. It is a text, so a host that only prints and reads lines can put it.

A front end that knows it draws the call, says what each answer would remember, and may let the
person edit that rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from glob import escape
from typing import Any

from axio.tool import AnyTool
from axio_tui_guards.asking import Choice
from axio_tui_guards.calls import Call, read_call
from axio_tui_guards.decisions import Lifetime
from axio_tui_guards.names import names_command
from axio_tui_guards.paths import leads_anywhere
from axio_tui_guards.rules import Rule, describe, text_of
from axio_tui_guards.showing import beside, visible, whole

__all__ = ("Question", "question_about", "question_in_words")


class Question(str):
    """Asks for one call. As text it is the whole question, to be printed as it is.

    `tool` and `call` are what wants to run (`call.tool`, `call.arguments`, `call.places`), `reason`
    says why a person is asked. `axio.run.RUN` names the agent that wants it while this is asked.
    """

    tool: AnyTool
    call: Call
    reason: str
    choices: tuple[Choice, ...]
    """The answers that there are here: outside of a run there is no session."""
    lifetimes: tuple[Lifetime, ...]
    """Those of them that remember a yes, shortest first."""
    pattern: Rule | None
    """A rule for this command in any spelling, to be edited by the person and sent in a `Reply`.
    None when the call is more than one plain command."""
    kept: str = ""
    """The words on what a yes for the session allows, where that is no rule."""
    _rules: Mapping[Choice, Rule]
    _grants: Callable[[Rule], bool]

    @property
    def editable(self) -> str:
        """The text of the rule that a person may edit, its command or its path; "" without one."""
        rule = self._to_edit()
        return "" if rule is None else rule.command or rule.path or ""

    def edited(self, text: str) -> Rule:
        """The rule to be remembered with this text in place of `editable`, for a `Reply`.

        ValueError when it would not allow this very call, or there is nothing to edit.
        """
        rule = self._to_edit()
        if rule is None:
            raise ValueError("no rule can be made of this call: it is allowed as it is, or not")
        text = text.strip()
        in_place = rule.command is None
        rule = replace(rule, path=text) if in_place else replace(rule, command=text)
        if not self._grants(rule):
            raise ValueError(f"{describe(rule)} would not allow this call")
        return rule

    def _to_edit(self) -> Rule | None:
        own = self.pattern or next((self._rules.get(one) for one in self.lifetimes), None)
        return own if own is not None and own.call is None else None

    def rule_for(self, lifetime: Choice) -> Rule | None:
        """The very rule that this answer would remember. None if it remembers none: "once", "no",
        and every answer about a call that cannot be told from others."""
        return self._rules.get(lifetime)


def question_about(
    tool: AnyTool,
    call: Call,
    reason: str,
    lifetimes: Iterable[Lifetime],
    grants: Callable[[Rule], bool],
    room: int,
) -> Question:
    """The question for a call. `grants` says if a rule, once remembered, would allow this call.

    `GuardError` when the arguments have more than `room` characters.
    """
    lifetimes = tuple(lifetimes)
    rules: dict[Choice, Rule] = {}
    if call.fingerprint:
        rule = _rule_for_place(tool, call)
        if rule is None or not grants(rule):
            rule = Rule("allow", call=call.fingerprint)
        rules = dict.fromkeys(lifetimes, rule)
        rules["never"] = replace(rule, effect="deny")
    question = Question(_text(tool, call, reason, rules, room))
    question.tool, question.call, question.reason = tool, call, reason
    question.lifetimes = lifetimes
    question.choices = ("once", *question.lifetimes, "no", "never")
    question.pattern = _pattern(call)
    question._rules = rules
    question._grants = grants
    return question


def question_in_words(
    text: str, tool: AnyTool, arguments: Mapping[str, Any], kept: str = ""
) -> Question:
    """The question that a guard asks in its own words about a call: yes once, no, or never. Where
    the guard itself keeps a yes for the session, `kept` says what it allows; then there is no
    never."""
    call = read_call(tool, arguments)
    question = Question(text)
    question.tool, question.call = tool, call
    question.reason = f"a guard asks: {' '.join(text.partition('[y')[0].split())}"
    question.lifetimes, question.pattern = (), None
    question.choices = ("once", "session", "no") if kept else ("once", "no", "never")
    question.kept = kept
    question._rules = {"never": Rule("deny", call=call.fingerprint)} if call.fingerprint else {}
    question._grants = lambda rule: False
    return question


def _rule_for_place(tool: AnyTool, call: Call) -> Rule | None:
    """For a tool that works on one file: this tool, set like this, on that file."""
    if len(call.parts) != 1:
        return None
    (part,) = call.parts
    if part.words is not None or part.reaches_out or len(part.places) != 1:
        return None
    (place,) = part.places
    if leads_anywhere(place):
        return None
    schemas = tool.input_schema.get("properties", {})
    settings = [
        name
        for name, value in call.arguments.items()
        if isinstance(value, bool) or _is_of_few(schemas.get(name, {}))
    ]
    return Rule("allow", tool=escape(call.tool), arguments=_exactly(call, settings), path=place)


def _is_of_few(schema: Mapping[str, Any]) -> bool:
    """True for an argument that chooses among a few values: it may decide what the tool does."""
    return bool({"enum", "const"} & schema.keys()) or any(
        map(_is_of_few, (*schema.get("anyOf", ()), *schema.get("oneOf", ())))
    )


def _pattern(call: Call) -> Rule | None:
    """For one plain command: it in the same place, with the same input."""
    commands = [name for name in call.arguments if names_command(name)]
    if len(call.parts) != 1 or len(commands) != 1 or not call.parts[0].words:
        return None
    (part,) = call.parts
    words = part.words or ()
    plain = all(word.literal and word.text.split() == [word.text] for word in words)
    if not plain or part.variables or (part.program and part.program.redirects):
        return None
    beside_it = [
        name
        for name, value in call.arguments.items()
        if name not in commands and (isinstance(value, bool) or not isinstance(value, int | float))
    ]
    return Rule(
        "allow",
        tool=escape(call.tool),
        arguments=_exactly(call, beside_it),
        command=" ".join(escape(word.text) for word in words),
    )


def _exactly(call: Call, names: Iterable[str]) -> dict[str, str]:
    return {name: escape(text_of(call.arguments[name])) for name in names}


def _given(tool: AnyTool, call: Call) -> dict[str, Any]:
    """The arguments of a call, without those that were left out and are nothing then."""
    schemas = tool.input_schema.get("properties", {})
    return {
        name: value
        for name, value in call.arguments.items()
        if value is not None or schemas.get(name, {}).get("default", "") is not None
    }


def _text(tool: AnyTool, call: Call, reason: str, rules: Mapping[Choice, Rule], room: int) -> str:
    name = visible(repr(call.tool))
    lines = [f"{name} wants to run with", whole(_given(tool, call), room), visible(reason)]
    longest = [choice for choice in rules if choice != "never"][::-1]
    if longest:
        told = visible(describe(rules[longest[0]]))
        lines.append(f"Remembered by {' / '.join(longest)}: {told}")
    choices = " / ".join(["y", *longest, "n", "never", "why not"])
    lines.append(f"{' '.join(['Allow', name, *beside(call.subjects)])}? [{choices}]")
    return "\n".join(lines)
