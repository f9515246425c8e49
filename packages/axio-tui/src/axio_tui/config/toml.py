"""Where things stand in a TOML document, and small changes of it that keep all else. Pure.

`tomllib` reads a document; it tells neither lines nor comments. Here a valid document is cut into
its statements, and a change replaces one of them. Each change is checked: the new document has to
say what the old one said, save for the one value.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

__all__ = ("Lines", "Path", "Statement", "statements", "with_value", "without_value")

Path: TypeAlias = tuple[str, ...]

_TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:'{0,2})'''
    r"""|"(?:\\.|[^"\\\n])*"|'[^'\n]*'|\#[^\n]*|[\[\]{}\n=]|[^\s"'\#\[\]{}=]+|[^\S\n]+""",
    re.DOTALL,
)


class Statement(NamedTuple):
    """A table's header, or a key with its value. `start` and `end` are the offsets of its lines,
    `value` those of the value: empty for a header."""

    path: Path
    line: int
    start: int
    end: int
    value: tuple[int, int]
    is_header: bool


def statements(text: str) -> list[Statement]:
    """The statements of a valid document, in order."""
    found: list[Statement] = []
    table: Path = ()
    at, line = 0, 1
    while at < len(text):
        end, equals, last = _extent(text, at)
        body = text[at:end].strip()
        if body and not body.startswith("#"):
            if body.startswith("["):
                table = _path_in(text[at:end])
                found.append(Statement(table, line, at, end, (end, end), True))
            else:
                first = next(i for i in range(equals + 1, end) if text[i] not in " \t")
                path = (*table, *_path_in(f"{text[at:equals]}=0"))
                found.append(Statement(path, line, at, end, (first, last), False))
        line += text.count("\n", at, end)
        at = end
    return found


def _extent(text: str, at: int) -> tuple[int, int, int]:
    """Of the statement, comment or empty line at `at`: the offsets of its end, of its first equals
    sign, and of the end of its last token."""
    depth, equals, last = 0, -1, at
    for token in _TOKEN.finditer(text, at):
        kind = token[0][0]
        if kind == "\n" and depth == 0:
            return token.end(), equals, last
        if kind == "=" and equals < 0 and depth == 0:
            equals = token.start()
        elif token[0] in ("[", "{"):
            depth += 1
        elif token[0] in ("]", "}"):
            depth -= 1
        if not kind.isspace() and kind != "#":
            last = token.end()
    return len(text), equals, last


def _path_in(statement: str) -> Path:
    """The names that the only statement of a document leads through."""
    path: list[str] = []
    node: Any = tomllib.loads(statement)
    while isinstance(node, dict | list) and node:
        if isinstance(node, list):
            node = node[0]
        else:
            (name,) = node
            path.append(name)
            node = node[name]
    return tuple(path)


class Lines:
    """Where the statements of a document stand."""

    def __init__(self, found: Sequence[Statement]) -> None:
        self._first: dict[Path, int] = {}
        self._headers: dict[Path, list[int]] = {}
        for one in found:
            if one.is_header:
                self._headers.setdefault(one.path, []).append(one.line)
            for length in range(len(one.path), 0, -1):
                self._first.setdefault(one.path[:length], one.line)

    def of(self, path: Path, nth: int = 0) -> int:
        """The line of the statement for the longest beginning of `path`; of an array of tables that
        of the `nth`."""
        for length in range(len(path), 0, -1):
            headers = self._headers.get(path[:length], [])
            if nth < len(headers):
                return headers[nth]
            if path[:length] in self._first:
                return self._first[path[:length]]
        return 1


def with_value(text: str, path: Path, value: Any) -> str:
    """The document with the value at `path`. `ValueError` if that takes more than one line."""
    found = statements(text)
    wanted = tomllib.loads(text)
    _put(wanted, path, value)
    written = _written(value)
    own = next((one for one in found if one.path == path and not one.is_header), None)
    if own is not None:
        changed = text[: own.value[0]] + written + text[own.value[1] :]
    else:
        changed = _inserted(text, found, path, written)
    return _agreed(changed, wanted, path)


def without_value(text: str, path: Path) -> str:
    """The document without the value at `path`. `KeyError` if there is none, `ValueError` if it
    does not stand by itself."""
    found = statements(text)
    wanted = tomllib.loads(text)
    node = wanted
    for name in path[:-1]:
        node = node[name]
    del node[path[-1]]
    own = next((one for one in found if one.path == path and not one.is_header), None)
    if own is None:
        raise ValueError(_by_hand(path))
    return _agreed(text[: own.start] + text[own.end :], wanted, path)


def _inserted(text: str, found: list[Statement], path: Path, written: str) -> str:
    table, entry = path[:-1], f"{_key(path[-1])} = {written}\n"
    at = _end_of_table(text, found, table)
    if at is None:
        gap = "" if not text or text.endswith("\n\n") else "\n" if text.endswith("\n") else "\n\n"
        return f"{text}{gap}[{'.'.join(map(_key, table))}]\n{entry}"
    before = text[:at]
    gap = "\n" if before and not before.endswith("\n") else ""
    return f"{before}{gap}{entry}{text[at:]}"


def _end_of_table(text: str, found: list[Statement], table: Path) -> int | None:
    """The offset after the last statement of a table; None where the table is missing."""
    end, inside = None, not table
    if not table and not any(one.is_header for one in found):
        return len(text)
    for one in found:
        if one.is_header:
            inside = one.path == table
        if inside:
            end = one.end
    return 0 if end is None and not table else end


def _put(document: dict[str, Any], path: Path, value: Any) -> None:
    for name in path[:-1]:
        document = document.setdefault(name, {})
        if not isinstance(document, dict):
            raise ValueError(_by_hand(path))
    document[path[-1]] = list(value) if isinstance(value, tuple) else value


def _agreed(text: str, wanted: dict[str, Any], path: Path) -> str:
    try:
        if _cleaned(tomllib.loads(text)) == _cleaned(wanted):
            return text
    except tomllib.TOMLDecodeError:
        pass
    raise ValueError(_by_hand(path))


def _cleaned(node: Any) -> Any:
    """Without empty tables, which a last value leaves behind."""
    if not isinstance(node, dict):
        return node
    cleaned = {name: _cleaned(value) for name, value in node.items()}
    return {name: value for name, value in cleaned.items() if value != {}}


def _by_hand(path: Path) -> str:
    return f"{'.'.join(path)} stands there in a way that only you can change: edit the file"


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _written(name)


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    # TOML wants one more character escaped than JSON.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
