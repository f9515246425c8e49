"""A question about a call as words and rows, for a front end that scrolls. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from axio_tui.chat.diff_rows import Row, rows_of
from axio_tui.chat.permissions import Asked
from axio_tui.chat.shown import lines_of, shown_line
from axio_tui_guards.names import names_command
from axio_tui_guards.rules import Rule, describe
from axio_tui_guards.showing import whole

__all__ = ("remembered", "rows_for", "title_of")

_MAX_ROWS = 20_000
_MAX_PLACES = 3
_ALL = 1_000_000  # the arguments were short enough to be asked about


def title_of(asked: Asked, who: str = "") -> str:
    """The tool, where it works, and which sub-agent wants it."""
    call = asked.question.call
    if any(names_command(name) for name in call.arguments):
        places = [f"in {shown_line(place)}" for place in sorted(call.base)]
        return _by(f"{shown_line(call.tool)} {', '.join(places)}".rstrip(), who)
    places = [shown_line(place) for place in call.places[:_MAX_PLACES]]
    if len(call.places) > _MAX_PLACES:
        places.append(f"and {len(call.places) - _MAX_PLACES} more places")
    return _by(f"{shown_line(call.tool)} {', '.join(places)}".rstrip(), who)


def _by(wanted: str, who: str) -> str:
    return f"{shown_line(who)} asks: {wanted}" if who else wanted


def rows_for(asked: Asked) -> list[Row]:
    """All that the call would do: the changes of files, or the command and the other arguments."""
    rows = list(islice(_rows(asked), _MAX_ROWS + 1))
    if len(rows) > _MAX_ROWS:
        rows[-1] = Row("title", f"More than {_MAX_ROWS:,} lines: the rest is not shown here")
    return rows


def _rows(asked: Asked) -> Iterator[Row]:
    if asked.problem:
        yield Row("title", f"It would fail: {shown_line(asked.problem)}")
    for change in asked.changes:
        if len(asked.changes) > 1:
            yield Row("title", shown_line(change.path))
        yield from rows_of(change.diff())
    if asked.changes:
        return
    arguments = dict(asked.question.call.arguments)
    for name in [name for name in arguments if names_command(name)]:
        if isinstance(arguments[name], str):
            for index, line in enumerate(lines_of(arguments.pop(name))):
                yield Row("text", f"{' ' if index else '$'} {line}")
    if arguments:
        for line in whole(arguments, _ALL).split("\n"):
            for piece in lines_of(line):
                yield Row("text", piece)


def remembered(rule: Rule | None) -> str:
    """The very rule that an answer would remember, in words."""
    return "" if rule is None else shown_line(describe(rule))
