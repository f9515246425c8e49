"""The output of a tool in lines, and answers that only say it again. Pure."""

from __future__ import annotations

import re

from axio_tui.harmless import plain
from axio_tui.plain.style import Style

__all__ = ("ANSWERED", "ERROR_MARK", "OUTPUT_MARK", "may_repeat", "repeats", "result_lines")

SHOWN_LINES = 60
SHOWN_CHARACTERS = 20_000
OUTPUT_MARK = "  | "
ERROR_MARK = "  ! "
ANSWERED = "(the answer is the output above)\n"
_FENCED = re.compile(r"(.*?\n)(`{3,})\n(.*)\n\2", re.DOTALL)
_BEGUN = re.compile(r"(`+)(?:\n|\Z)")
_OPENING = 200  # characters of a line that announces an output


def result_lines(content: str, is_error: bool, style: Style) -> tuple[str, bool]:
    """The result of a call, each line behind its mark, and if all of it is there."""
    how, mark = (style.error, ERROR_MARK) if is_error else (style.dim, OUTPUT_MARK)
    shown = plain(content[:SHOWN_CHARACTERS]).rstrip("\n") or "(no output)"
    lines, is_whole = shown.split("\n"), True
    if len(lines) > SHOWN_LINES:
        lines[SHOWN_LINES:] = [f"... {content.count(chr(10)) + 1:,} lines in all"]
        is_whole = False
    elif len(content) > SHOWN_CHARACTERS:
        lines.append(f"... {len(content):,} characters in all")
        is_whole = False
    return style.put(how, "\n".join(mark + line for line in lines)) + "\n", is_whole


def repeats(answer: str, output: str) -> bool:
    """True if an answer is one line that announces the output above it, and that output, which may
    stand in a fence of Markdown."""
    said, shown = answer.strip(), output.strip()
    if fence := _FENCED.fullmatch(said):
        said = fence[1] + fence[3]
    opening = said.removesuffix(shown).rstrip()
    return bool(shown) and said.endswith(shown) and opening[-1:] == ":" and "\n" not in opening


def may_repeat(begun: str, output: str) -> bool:
    """True as long as an answer that has begun so may still become such a one."""
    said, shown = begun.strip(), output.strip()
    if not shown:
        return False
    if "\n" not in said:
        return len(said) <= _OPENING + len(shown)
    opening, _, rest = said.partition("\n")
    rest = rest.strip()
    if fence := _BEGUN.match(rest):
        rest = rest[fence.end() :].removesuffix(fence[1]).rstrip("`").strip()
    return opening.rstrip()[-1:] == ":" and shown.startswith(rest)
