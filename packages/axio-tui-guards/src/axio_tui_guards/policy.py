"""The rules that hold as long as nobody has made others."""

from __future__ import annotations

import os

from axio_tui_guards.rules import Rule

__all__ = ("default_policy",)

_SHOWS_NAMES = ("list_files", "glob_files")  # of secrets, too, but nothing that is in them


def default_policy(
    root: str | os.PathLike[str] = ".", *, accept_edits: bool = False, yes: bool = False
) -> tuple[Rule, ...]:
    """Rules for an agent that works in the directory `root`.

    Reading below it is free, except secrets, and so is a call that changes nothing and names no
    path, host or command; everything else is asked about. `accept_edits` frees what changes files
    below it, except protected ones: what decides what runs next, such as `.git/hooks`, start files
    of shells, tasks of editors and of CI. `yes` allows everything but secrets and protected places.

    Add rules of your own behind them. What they deny is refused; a secret or a protected place is
    freed by a rule that names it (`Rule("allow", path=".env")`), and by no other.
    """
    place = os.fspath(root)
    rules = [
        Rule("ask", holding="secrets"),
        Rule("ask", holding="protected", access="write"),
        Rule("allow", path=place, access="read"),
        Rule("allow", access="nothing"),
        *(Rule("allow", tool=tool, holding="secrets", access="read") for tool in _SHOWS_NAMES),
    ]
    if accept_edits:
        rules.append(Rule("allow", path=place, access="write"))
    if yes:
        rules.append(Rule("allow"))
    return tuple(rules)
