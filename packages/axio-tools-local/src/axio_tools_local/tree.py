"""Walk a tree of files, without those that git ignores, and find names or lines.

This file is also a program. It runs in a process of its own, next to the files, which may be in a
container: a regular expression can take longer than the world has existed, and while it is at work
Python does nothing else; a process can be ended. It uses nothing but the standard library, reads a
request as JSON from stdin and writes what it finds as lines of JSON:

    {"kind": "lines", "pattern": "TODO", "directory": "src", "files": "*.py", ...}
    ["src/app.py", 17, "    # TODO: say why"]
    {"more": false, "unreadable": 0}

Paths are handled as bytes, as git does: a `?` stands for one byte.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

_BINARY_PROBE = 8192
_SHOWN_LENGTH = 300
_BEFORE_MATCH = 80  # of a long line
_PIECE_BYTES = 1 << 20  # a longer line is searched in pieces


# ── patterns ──────────────────────────────────────────────────────────────────────────────────


def translate(pattern: bytes) -> bytes | None:
    """A shell pattern for paths as a regular expression (gitignore(5), "PATTERN FORMAT").

    `*`, `?` and `[...]` do not match a slash, `**/` matches any number of folders. None when the
    pattern cannot match anything, like one with a bracket that is not closed.
    """
    out = []
    i = 0
    while i < len(pattern):
        c = pattern[i : i + 1]
        if c == b"*":
            end = i
            while pattern[end : end + 1] == b"*":
                end += 1
            starts_name = i == 0 or pattern[i - 1 : i] == b"/"
            if end - i >= 2 and starts_name and pattern[end : end + 1] == b"/":
                out.append(rb"(?:[^/]+/)*")
                end += 1
            elif end - i >= 2 and starts_name and end == len(pattern):
                out.append(rb".+")
            else:
                out.append(rb"[^/]*")
            i = end
        elif c == b"?":
            out.append(rb"[^/]")
            i += 1
        elif c == b"[":
            bracket = _bracket(pattern, i)
            if bracket is None:
                return None
            expression, i = bracket
            out.append(expression)
        else:
            if c == b"\\":
                i += 1
                c = pattern[i : i + 1]
                if not c:
                    return None
            out.append(re.escape(c))
            i += 1
    return b"".join(out)


_CLASSES = {
    b"alnum": rb"a-zA-Z0-9",
    b"alpha": rb"a-zA-Z",
    b"blank": rb" \t",
    b"cntrl": rb"\x00-\x1f\x7f",
    b"digit": rb"0-9",
    b"graph": rb"\x21-\x7e",
    b"lower": rb"a-z",
    b"print": rb"\x20-\x7e",
    b"punct": rb"!-/:-@\[-`{-~",
    b"space": rb"\s",
    b"upper": rb"A-Z",
    b"xdigit": rb"0-9a-fA-F",
}


def _bracket(pattern: bytes, start: int) -> tuple[bytes, int] | None:
    """The bracket expression at `start`, and where it ends; None when it is malformed."""
    i = start + 1
    negated = pattern[i : i + 1] in (b"!", b"^")
    i += negated
    items: list[bytes] = []
    first = True
    while True:
        c = pattern[i : i + 1]
        if not c:
            return None
        if c == b"]" and not first:
            break
        first = False
        if pattern.startswith(b"[:", i):
            end = pattern.find(b":]", i)
            name = pattern[i + 2 : end] if end >= 0 else b""
            if name not in _CLASSES:
                return None
            items.append(_CLASSES[name])
            i = end + 2
            continue
        low, i = _literal(pattern, i)
        items.append(re.escape(low))
        if pattern[i : i + 1] == b"-" and pattern[i + 1 : i + 2] not in (b"]", b""):
            high, i = _literal(pattern, i + 1)
            if low <= high:
                items.append(re.escape(low) + b"-" + re.escape(high))
    body = b"".join(items)
    if negated:
        return b"[^/" + body + b"]", i + 1
    return (b"(?!/)[" + body + b"]" if body else b"(?!)"), i + 1


def _literal(pattern: bytes, i: int) -> tuple[bytes, int]:
    if pattern[i : i + 1] == b"\\" and i + 1 < len(pattern):
        i += 1
    return pattern[i : i + 1], i + 1


def expand_braces(pattern: bytes) -> list[bytes]:
    """`*.{c,h}` as `*.c` and `*.h`."""
    found = re.search(rb"\{([^{}]*,[^{}]*)\}", pattern)
    if not found:
        return [pattern]
    before, after = pattern[: found.start()], pattern[found.end() :]
    return [
        whole
        for choice in found.group(1).split(b",")
        for whole in expand_braces(before + choice + after)
    ]


def name_filter(pattern: bytes) -> Callable[[bytes], bool]:
    """Make a test for paths, relative to the folder that is looked at, that `pattern` means.

    A pattern without a slash is compared with the last name only.
    """
    expressions = []
    for part in expand_braces(pattern):
        anywhere = b"/" not in part
        if part.startswith(b"./"):
            part, anywhere = part[2:], False
        expression = translate(part)
        if expression is not None:
            prefix = rb"(?:.*/)?" if anywhere else b""
            expressions.append(prefix + expression)
    whole = re.compile(b"|".join(expressions) or rb"(?!)", re.DOTALL)
    return lambda path: whole.fullmatch(path) is not None


# ── what git ignores ──────────────────────────────────────────────────────────────────────────


class Rule(NamedTuple):
    expression: re.Pattern[bytes]
    """For the path relative to the folder of the rule's file."""
    ignored: bool
    folders_only: bool


def parse_rules(text: bytes) -> list[Rule]:
    """The lines of a `.gitignore`."""
    rules = []
    for line in text.removeprefix(b"\xef\xbb\xbf").split(b"\n"):
        rule = _parse_rule(line.removesuffix(b"\r"))
        if rule is not None:
            rules.append(rule)
    return rules


def _parse_rule(line: bytes) -> Rule | None:
    if line.startswith(b"#"):
        return None
    while line.endswith(b" ") and not line.endswith(b"\\ "):
        line = line[:-1]
    ignored = not line.startswith(b"!")
    line = line if ignored else line[1:]
    folders_only = line.endswith(b"/")
    line = line[:-1] if folders_only else line
    if not line:
        return None
    anchored = b"/" in line
    expression = translate(line.removeprefix(b"/"))
    if expression is None:
        return None
    prefix = b"" if anchored else rb"(?:.*/)?"
    return Rule(re.compile(prefix + expression, re.DOTALL), ignored, folders_only)


class Ignored:
    """The rules that hold in one folder: those of its own file and, weaker, of the ones above."""

    def __init__(self, folder: bytes, above: Ignored | None, files: list[bytes]) -> None:
        self._folder = folder
        self._above = above
        self._rules = [rule for file in files for rule in _rules_of(file)]

    @classmethod
    def at(cls, folder: bytes) -> Ignored:
        """The rules in a folder, from the top of its git repository on if it is in one."""
        chain = [folder]
        while not os.path.exists(os.path.join(chain[-1], b".git")):
            parent = os.path.dirname(chain[-1])
            if parent == chain[-1]:
                chain = [folder]
                break
            chain.append(parent)
        top = chain.pop()
        exclude = os.path.join(top, b".git", b"info", b"exclude")
        rules = cls(top, None, [exclude, os.path.join(top, b".gitignore")])
        for inner in reversed(chain):
            rules = rules.inside(inner)
        return rules

    def inside(self, folder: bytes) -> Ignored:
        return Ignored(folder, self, [os.path.join(folder, b".gitignore")])

    def __call__(self, path: bytes, is_folder: bool) -> bool:
        """True if git ignores `path`, given that it does not ignore the folder it is in."""
        level: Ignored | None = self
        while level is not None:
            relative = path[len(level._folder.rstrip(b"/")) + 1 :]
            for rule in reversed(level._rules):
                if (is_folder or not rule.folders_only) and rule.expression.fullmatch(relative):
                    return rule.ignored
            level = level._above
        return False


def _rules_of(file: bytes) -> list[Rule]:
    try:
        with open(file, "rb") as opened:
            return parse_rules(opened.read())
    except OSError:
        return []


# ── the walk ──────────────────────────────────────────────────────────────────────────────────


class Walk:
    """The files below a folder, as absolute paths in order. Symbolic links are not followed."""

    def __init__(self, top: bytes, include_ignored: bool) -> None:
        self._top = top
        self._all = include_ignored
        self.unreadable = 0

    def __iter__(self) -> Iterator[bytes]:
        stack = [(self._top, None if self._all else Ignored.at(self._top))]
        while stack:
            folder, ignored = stack.pop()
            try:
                entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
            except OSError:
                self.unreadable += 1
                continue
            inner = []
            for entry in entries:
                is_folder = entry.is_dir(follow_symlinks=False)
                if entry.name == b".git":
                    continue
                if ignored is not None and ignored(entry.path, is_folder):
                    continue
                if is_folder:
                    rules = None if ignored is None else ignored.inside(entry.path)
                    inner.append((entry.path, rules))
                elif entry.is_file(follow_symlinks=False) or entry.is_symlink():
                    yield entry.path
            stack.extend(reversed(inner))


def _lines(path: bytes, expression: re.Pattern[str]) -> Iterator[tuple[int, str]]:
    with open(path, "rb") as file:
        if b"\0" in file.read(_BINARY_PROBE):
            return
        file.seek(0)
        number, at_start = 0, True
        while data := file.readline(_PIECE_BYTES):
            number += at_start
            at_start = data.endswith(b"\n")
            line = data.decode("utf-8-sig" if number == 1 else "utf-8", "replace").rstrip("\r\n")
            match = expression.search(line)
            if match:
                start = max(0, match.start() - _BEFORE_MATCH) if len(line) > _SHOWN_LENGTH else 0
                yield number, line[start : start + _SHOWN_LENGTH]


# ── the program ───────────────────────────────────────────────────────────────────────────────


def find(request: dict[str, Any]) -> Iterator[Any]:
    """Yield what is found, at most `limit` of it, and then a summary; or only what is wrong.

    Lines are `[path, number, text]`, names are `[path]`.
    """
    try:
        directory, files = (os.fsencode(request[name]) for name in ("directory", "files"))
    except UnicodeEncodeError:
        yield {"error": "half of a character stands where a name should be"}
        return
    top = os.path.abspath(directory)
    if not os.path.exists(top):
        yield {"missing": request["directory"]}
        return
    lines_wanted = request["kind"] == "lines"
    try:
        flags = re.IGNORECASE if request["ignore_case"] else 0
        expression = re.compile(request["pattern"], flags) if lines_wanted else None
    except (re.error, OverflowError, RecursionError) as error:
        hint = "put a backslash before characters that are meant as they are"
        yield {"error": f"the pattern is not a regular expression: {error}; {hint}"}
        return
    accepted = name_filter(files)
    walk = Walk(top, request["include_ignored"]) if os.path.isdir(top) else [top]
    room = request["limit"]
    for path in walk:
        inner = path[len(top.rstrip(b"/")) + 1 :]
        if not accepted(inner or os.path.basename(top)):
            continue
        shown = os.fsdecode(os.path.normpath(os.path.join(directory, inner)))
        for answer in _answers(path, shown, expression):
            if not room:
                yield {"more": True, "unreadable": 0}
                return
            room -= 1
            yield answer
    yield {"more": False, "unreadable": walk.unreadable if isinstance(walk, Walk) else 0}


def _answers(
    path: bytes, shown: str, expression: re.Pattern[str] | None
) -> Iterator[tuple[str] | tuple[str, int, str]]:
    if expression is None:
        yield (shown,)
    elif not os.path.islink(path):
        try:
            for number, line in _lines(path, expression):
                yield shown, number, line
        except OSError:  # unreadable, or removed meanwhile
            return


def main() -> None:
    for answer in find(json.load(sys.stdin)):
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
