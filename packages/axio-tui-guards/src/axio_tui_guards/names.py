"""The kind of an argument's value by its name. A hint, and never the only one."""

from __future__ import annotations

import re

__all__ = (
    "COMMANDS",
    "names_code",
    "names_command",
    "names_content",
    "names_directory",
    "names_host",
    "names_path",
    "words_of",
)

_DIRECTORIES = frozenset("cwd dir directories directory dirs folder folders root workdir".split())
_PATHS = _DIRECTORIES | frozenset(
    "dest destination dst file filename filenames filepath filepaths files location path pathname "
    "pathnames paths source src target".split()
)
COMMANDS = frozenset("argv bash cmd cmdline command commands commandline shell".split())
_CODE = frozenset(("code", "script"))
_CONTENTS = frozenset("content contents diff patch".split())
_OLD_AND_NEW = frozenset(
    (age, kind) for age in ("old", "new") for kind in ("text", "string", "str")
)
_HOSTS = frozenset("address domain endpoint host hostname server uri url urls".split())
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


def words_of(name: str) -> list[str]:
    """`outputDir` and `output_dir` are both "output" and "dir"."""
    return [word.lower() for word in _WORD.findall(name[:200])]


def _last(name: str) -> str:
    return (words_of(name) or [""])[-1]


def names_path(name: str) -> bool:
    return _last(name) in _PATHS


def names_directory(name: str) -> bool:
    return _last(name) in _DIRECTORIES


def names_command(name: str) -> bool:
    words = words_of(name)
    return bool(words) and (words[-1] in COMMANDS or words[-2:] == ["command", "line"])


def names_code(name: str) -> bool:
    return _last(name) in _CODE


def names_content(name: str) -> bool:
    """True for what a tool stores as it is: its words lead nowhere by themselves."""
    words = words_of(name)
    return bool(words) and (words[-1] in _CONTENTS or tuple(words[-2:]) in _OLD_AND_NEW)


def names_host(name: str) -> bool:
    return _last(name) in _HOSTS
