"""Secrets taken out of a value before it is written down: by name, by form, by place in a text.

Every pattern starts at a rare mark and looks a bounded way from there, so the work grows with the
text and no faster; and only the beginning of a long text is looked at, since only that is kept.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

__all__ = ("REMOVED", "without_secrets")

REMOVED = "[secret removed]"
_MAX_TEXT = 2000
_MARGIN = 1000  # read, so that a secret that begins in the part that is kept is seen whole
_MAX_TOTAL = 30_000
_MAX_ITEMS = 200
_MAX_DEPTH = 20

_NAME = (
    r"(?:passw(?:or)?d|passphrase|secret|token|credential|signature|session[-_ ]?id|cookie"
    r"|authorization|(?:api|access|account|auth|client|encryption|master|private|service|shared"
    r"|sharedaccess|signing|ssh|storage)[-_ ]?key|(?<![a-z])(?:auth|pwd|sig)(?![a-z])"
    r"|(?-i:[A-Z0-9]_KEY\b))"
)
_QUOTE = r"\\{0,2}[\"']?"
_VALUE = r"(?:\"(?:[^\"\\]|\\.)*\"?|'[^']*'?|[^\s,;&\"'}\])]+)"
_IS_SECRET_NAME = re.compile(_NAME, re.I)
_COUNTS = re.compile(r"tokens\Z", re.I)

# Each keeps its first group and loses the rest.
_SECRETS = [
    re.compile(pattern, re.I | re.S)
    for pattern in (
        r"()-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY[A-Z ]{0,10}-----.*?"
        r"(?:-----END [A-Z0-9 ]{0,60}-----|\Z)",
        r"(://)(?:[^\s/'\"]{1,600}|[^\s/@'\":]{0,200}+:[^\s@'\"]{1,400}+)@",
        r"((?:authorization|cookie|x-[a-z-]{0,30}(?:key|token|auth)[a-z-]{0,20})"
        rf"{_QUOTE}\s{{0,8}}[:=]\s{{0,8}}{_QUOTE})[^\r\n\"']+",
        rf"({_NAME}[\w.-]{{0,40}}{_QUOTE}\s{{0,8}}(?:=>|:=|[:=])\s{{0,8}}"
        rf"(?:(?:bearer|basic|token)\s+)?\\{{0,2}}){_VALUE}",
        rf"((?<![^\s\"'=])--?[\w-]{{0,40}}{_NAME}[\w-]{{0,40}}\s+)(?!-){_VALUE}",
        r"(\b(?:bearer|basic|digest)\s+)[\w.~+/=-]{8,}",
        r"(\blogin\s+\S{1,200}\s+password\s+)\S+",
        r"(\bpass:|\bsshpass\s+-p\s{0,8}|\b(?:mysql|mariadb)\w{0,20}\b[^\n|;&]{0,200}?\s-p)[^\s-]\S*",
        r"(\s(?:-u|--user)[\s=]{0,8})[^\s:]{1,200}:\S+",
        r"()\b(?:sk|pk|rk|ghp|gho|ghs|ghu|ghr|github_pat|glpat|xox[abeprs]|xapp|hf|npm|pypi|dop_v1"
        r"|shpat|whsec|AGE-SECRET-KEY)[-_][\w-]{10,}",
        r"()\b(?:AKIA|ASIA|AIza|ya29\.|SG\.)[\w.-]{12,}",
        r"()\beyJ[\w-]{4,}\.[\w-]+(?:\.[\w-]*)?",
    )
]
_LONG_WORD = re.compile(r"(?<![\w/+.-])[\w/+-]{32,}={0,2}")


def without_secrets(value: Any) -> Any:
    """A copy for a log: texts cut at 2,000 characters, and all that looks like a secret removed.

    Removed are values under names such as `password` or `api_key`, keys and tokens of known forms
    and words that look random, credentials in URLs, headers and options, private keys, and the
    values of this process's own secret variables. What is too much for a line of a log is counted.
    """
    known = [
        secret
        for name, secret in os.environ.items()
        if len(secret) >= 8 and _IS_SECRET_NAME.search(name)
    ]
    return _Copy(known).of(value, 0)


@dataclass(slots=True)
class _Copy:
    known: list[str]
    left: int = field(default=_MAX_TOTAL)

    def of(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool | int | float):
            self.left -= 8
            return value
        if depth > _MAX_DEPTH:
            return "[nested too deeply]"
        if isinstance(value, Mapping):
            return self._mapping(value, depth)
        if isinstance(value, list | tuple | set | frozenset):
            kept = [self.of(item, depth + 1) for item in self._some(value)]
            return kept + _missing(len(value) - len(kept))
        return self._text(value if isinstance(value, str) else repr(value))

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        copy: dict[str, Any] = {}
        for key in self._some(value):
            item = value[key]
            name = self._text(key if isinstance(key, str) else repr(key))
            if _IS_SECRET_NAME.search(name) and not _is_count(name, item):
                copy[name] = REMOVED
            else:
                copy[name] = self.of(item, depth + 1)
        for note in _missing(len(value) - len(copy)):
            copy[note] = None
        return copy

    def _some(self, values: Iterable[Any]) -> Iterable[Any]:
        """As many of them as a line has room for."""
        for value in islice(values, _MAX_ITEMS):
            if self.left < 0:
                return
            yield value

    def _text(self, text: str) -> str:
        size = len(text)
        kept = text[: _MAX_TEXT + _MARGIN]
        for secret in self.known:
            kept = kept.replace(secret, REMOVED)
        for pattern in _SECRETS:
            kept = pattern.sub(rf"\1{REMOVED}", kept)
        kept = _LONG_WORD.sub(_if_random, kept)
        if size > _MAX_TEXT:
            # The margin may end within a secret, and moves up as others are removed.
            kept = kept[: len(kept) - _MARGIN] if size > _MAX_TEXT + _MARGIN else kept
            kept = f"{kept[:_MAX_TEXT]} [... {size - _MAX_TEXT} characters more]"
        self.left -= len(kept)
        return kept


def _missing(count: int) -> list[str]:
    return [f"[... {count} more]"] if count > 0 else []


def _is_count(name: str, value: Any) -> bool:
    """True for `max_tokens=4096`: a number of tokens is none."""
    return isinstance(value, int) and _COUNTS.search(name) is not None


def _if_random(found: re.Match[str]) -> str:
    word = found[0]
    kinds = (str.isupper, str.islower, str.isdigit)
    mixed = all(any(map(kind, word)) for kind in kinds)
    return REMOVED if mixed and word.count("/") < 4 else word
