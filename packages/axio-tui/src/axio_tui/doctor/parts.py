"""Plug-ins that are installed: each is tried in a process of its own, which it may end or hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from axio.plugins import GROUPS
from axio_tui.doctor.findings import Finding
from axio_tui.doctor.settings import parts_here
from axio_tui.errors import words_of_others
from axio_tui.plugin_trial import tried_apart

__all__ = ("look_at_plugins",)


def look_at_plugins(limit: float) -> Iterator[Finding]:
    """Each is loaded within a part of the limit; those that come after one that hangs, too."""
    notes: list[str] = []
    parts = parts_here(notes.append)
    wanted = [(group, name) for group in GROUPS for name in parts.names(group)]
    known = tried_apart(wanted, limit / 2, limit * 0.9)
    problems = {pair: words for pair, words in known.items() if words}
    for (group, name), words in problems.items():
        advice = "axio works without it: mend it, or uninstall its package"
        yield Finding("warning", f"plug-in {name}", f"{group}: {words_of_others(words)}", advice)
    for note in notes:
        yield Finding("warning", "plug-ins", words_of_others(note), "uninstall one of them")
    if len(known) < len(wanted):
        words = f"the {len(known)} that were loaded in the time are not all"
        yield Finding("warning", "plug-ins", words, "axio doctor --limit N waits longer")
    counts = Counter(group for (group, _), words in known.items() if not words)
    told = ", ".join(f"{number} in {group}" for group, number in counts.items()) or "none"
    yield Finding("ok", "plug-ins", told)
