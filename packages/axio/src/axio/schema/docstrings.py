"""The words of a docstring about each parameter, in Google, NumPy or Sphinx style."""

from __future__ import annotations

import re
from inspect import cleandoc

# One entry a style; a docstring that mixes them is read with all three.
_GOOGLE_HEADER = re.compile(
    r"(?:Args|Arguments|Params|Parameters|Keyword Args|Keyword Arguments|Attributes):\s*$"
)
_GOOGLE_ENTRY = re.compile(r"\*{0,2}(?P<names>\w+)\s*(?:\(.*?\))?\s*:\s*(?P<text>.*)$")
_NUMPY_HEADER = re.compile(r"(?:Other Parameters|Parameters|Keyword Arguments|Attributes)\s*$")
_NUMPY_RULE = re.compile(r"-{3,}\s*$")
_NUMPY_ENTRY = re.compile(r"(?P<names>\*{0,2}\w+(?:\s*,\s*\*{0,2}\w+)*)\s*(?::.*)?$")
_SPHINX_ENTRY = re.compile(
    r":(?:param|parameter|arg|argument|key|keyword|ivar|cvar)\s+"
    r"(?:[^:]*?\s)?\*{0,2}(?P<names>\w+)\s*:\s*(?P<text>.*)$"
)
_SPHINX_FIELD = re.compile(r":\w[^:]*:")


def summary(doc: str | None) -> str:
    """The first paragraph of a docstring as one line."""
    return " ".join(cleandoc(doc or "").split("\n\n", 1)[0].split())


def parameter_descriptions(doc: str | None) -> dict[str, str]:
    """The description of every parameter that the docstring documents, each as one line.

    Nothing is invented: a name without text after it is left out.
    """
    if not doc or ("\n" not in doc and ":" not in doc):
        return {}
    lines = cleandoc(doc).split("\n")
    found: dict[str, list[str]] = {}
    index = 0
    while index < len(lines):
        line = lines[index]
        follower = lines[index + 1] if index + 1 < len(lines) else ""
        if _NUMPY_HEADER.match(line.strip()) and _NUMPY_RULE.match(follower.strip()):
            index = _section(lines, index + 2, _indent(line) - 1, _NUMPY_ENTRY, found)
        elif _GOOGLE_HEADER.match(line.strip()):
            index = _section(lines, index + 1, _indent(line), _GOOGLE_ENTRY, found)
        elif _SPHINX_ENTRY.match(line.strip()):
            index = _sphinx(lines, index, found)
        else:
            index += 1
    texts = {name: " ".join(" ".join(parts).split()) for name, parts in found.items()}
    return {name: text for name, text in texts.items() if text}


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _section(
    lines: list[str],
    index: int,
    outer: int,
    entry: re.Pattern[str],
    found: dict[str, list[str]],
) -> int:
    """Read entries that are indented more than `outer`; return the line after the section.

    The first entry sets the indentation of entries; what is indented deeper continues one.
    """
    level: int | None = None
    current: list[str] = []
    while index < len(lines):
        line = lines[index]
        if not line.strip():
            index += 1
            continue
        indent = _indent(line)
        after = lines[index + 1].strip() if index + 1 < len(lines) else ""
        if indent <= outer or _NUMPY_RULE.match(after):
            break
        if level is None:
            level = indent
        if indent > level:
            current.append(line.strip())
        elif match := entry.match(line.strip()):
            text = match.groupdict().get("text") or ""
            current = [text]
            for name in match["names"].split(","):
                found.setdefault(name.strip(" *"), current)
        else:
            current = []  # Prose between entries belongs to none of them.
        index += 1
    return index


def _sphinx(lines: list[str], index: int, found: dict[str, list[str]]) -> int:
    """Read one `:param name: text`, which goes on until a blank line or the next field."""
    match = _SPHINX_ENTRY.match(lines[index].strip())
    assert match is not None
    parts = [match["text"]]
    index += 1
    while index < len(lines):
        line = lines[index].strip()
        if not line or _SPHINX_FIELD.match(line):
            break
        parts.append(line)
        index += 1
    found.setdefault(match["names"], parts)
    return index
