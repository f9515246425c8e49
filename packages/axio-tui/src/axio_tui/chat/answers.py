"""The keys that answer a question, and what each would remember. Pure."""

from __future__ import annotations

from contextlib import suppress

from axio_tui.chat.asked_rows import remembered
from axio_tui_guards import Question
from axio_tui_guards.asking import Choice, Reply
from axio_tui_guards.rules import Rule

__all__ = ("KEYS", "Answers")

KEYS: dict[str, tuple[Choice, str]] = {
    "y": ("once", "once"),
    "s": ("session", "this session"),
    "p": ("project", "always in this project"),
    "n": ("no", "refuse"),
    "d": ("never", "never in this project"),
}


class Answers:
    """To one question about a call. The person may write another rule for it."""

    asks_reason = True
    """A refusal may have a reason, which the model is told."""
    leaving = "refuse"
    """The words on Escape."""

    def __init__(self, question: Question) -> None:
        self.question = question
        self._written: Rule | None = None

    def offers(self, key: str) -> bool:
        """True if the key answers this question."""
        if key not in KEYS:
            return False
        choice = KEYS[key][0]
        if choice in ("once", "no"):
            return True
        is_kept = self._rule(choice) is not None or bool(self.question.kept)
        return choice in self.question.choices and is_kept

    @property
    def offered(self) -> list[str]:
        """The keys that answer, with their words."""
        return [f"{key} {words}" for key, (_, words) in KEYS.items() if self.offers(key)]

    def reply(self, key: str) -> str:
        """The answer that a key gives."""
        choice = KEYS[key][0]
        return Reply(choice, rule=self._written if choice in ("session", "project") else None)

    @property
    def remembers(self) -> str:
        """The rule that would be kept, in words."""
        kept = [key for key in "sp" if self.offers(key)]
        if self.question.kept:
            return f"s allows: {self.question.kept}"
        if not kept:
            return "It cannot be remembered."
        rule = remembered(self._rule(KEYS[kept[0]][0]))
        return f"{' and '.join(kept)} remember{'s' * (len(kept) == 1)}: {rule}"

    @property
    def pattern(self) -> str | None:
        """The command of the rule, which the person may write anew; None if it has none."""
        if self.question.pattern is None:
            return None
        return (self._written or self.question.pattern).command or ""

    def write(self, command: str) -> None:
        """Let the rule have another command; it stays as it was if that would not allow this
        call."""
        with suppress(ValueError):
            self._written = self.question.edited(command)

    def _rule(self, choice: Choice) -> Rule | None:
        if self._written is not None and choice in ("session", "project"):
            return self._written
        return self.question.rule_for(choice)
