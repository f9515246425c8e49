"""Programs in the languages of `sed`, `awk` and `jq` that do nothing but turn text into text.

They come as one argument of a command that reads like any other, and all three languages can do
more: `sed` writes files and runs commands, `awk` too, `jq` shows the environment and reads files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

__all__ = ("LANGUAGES", "only_edits")

_MAX_SCRIPT = 5000


def only_edits(program: str, text: str) -> bool:
    """True if it is certain that the text, as a program for `program`, only prints."""
    return len(text) <= _MAX_SCRIPT and LANGUAGES[program](text)


# ── sed ───────────────────────────────────────────────────────────────────────────────────────

_SED_ADDRESS = re.compile(r"(?:\d+|\$|/(?:[^/\\\n\[]|\\[^\n]|\[\^?\]?[^\]\n/]*\])*/[IM]*)(?:~\d+)?")
_SED_PLAIN = re.compile(r"[=dDgGhHlnNpPxzqQ](?:\s*\d+)?")
_SED_JUMP = re.compile(r"[btT:]\s*[\w.-]*")
_SED_TEXT = re.compile(r"[aic](?:\\\n|\s*)[^\n]*")
_SED_FLAGS = re.compile(r"[gpiIM\d]*")


def _sed(text: str) -> bool:
    position = 0
    while position < len(text):
        if text[position] in " \t\n;{}":
            position += 1
            continue
        start = _sed_addresses(text, position)
        if text[start : start + 1] == "{":
            position = start + 1
            continue
        end = _sed_command(text, start)
        if end is None or (end < len(text) and text[end] not in " \t\n;}"):
            return False
        position = end
    return True


def _sed_addresses(text: str, position: int) -> int:
    """Behind the one or two addresses that stand here."""
    for _ in range(2):
        if address := _SED_ADDRESS.match(text, position):
            position = address.end()
        while position < len(text) and text[position] in " \t,+!":
            position += 1
    return position


def _sed_command(text: str, position: int) -> int | None:
    """The end of the command that stands here; None if it is not known to do no harm."""
    for pattern in (_SED_PLAIN, _SED_JUMP, _SED_TEXT):
        if found := pattern.match(text, position):
            return found.end()
    if text[position : position + 1] not in ("s", "y"):
        return None
    mark = text[position + 1 : position + 2]
    if not mark or mark in "\\\n" or mark.isalnum():
        return None
    end = position + 2
    for _ in range(2):
        end = _sed_part(text, end, mark)
        if end < 0:
            return None
    if text[position] == "y":
        return end
    flags = _SED_FLAGS.match(text, end)
    return end if flags is None else flags.end()


def _sed_part(text: str, position: int, mark: str) -> int:
    """Behind the next mark; -1 if there is none, or if brackets make its place unclear."""
    start = position
    while position < len(text) and text[position] != mark:
        position += 2 if text[position] == "\\" else 1
    part = text[start:position]
    # Inside of brackets a mark ends the part for some and not for others.
    if position >= len(text) or part.count("[") != part.count("]"):
        return -1
    return position + 1


# ── awk ───────────────────────────────────────────────────────────────────────────────────────

_AWK_WORD = re.compile(r"[A-Za-z_]\w*", re.A)
_AWK_REACHES_OUT = frozenset(
    "system getline close fflush ENVIRON PROCINFO ARGV ARGC SYMTAB FUNCTAB FS_EXT extension "
    "require load include namespace nextfile".split()
)


def _awk(text: str) -> bool:
    words = set(_AWK_WORD.findall(text))
    if words & _AWK_REACHES_OUT or "@" in text or "|" in text.replace("||", ""):
        return False
    return not (">" in text and words & {"print", "printf"})


# ── jq ────────────────────────────────────────────────────────────────────────────────────────

_JQ_REACHES_OUT = re.compile(
    r"env|ENV|import|include|input_filename|modulemeta|get_search_list|input_line_number|__loc__"
)


def _jq(text: str) -> bool:
    return _JQ_REACHES_OUT.search(text) is None


LANGUAGES: Mapping[str, Callable[[str], bool]] = {
    "sed": _sed,
    "gsed": _sed,
    "awk": _awk,
    "gawk": _awk,
    "mawk": _awk,
    "nawk": _awk,
    "jq": _jq,
}
