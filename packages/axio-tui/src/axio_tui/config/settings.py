"""The settings, as data: what each is called, what it may be, and who may set it. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from axio_tui.config.keys import ACTIONS, checker

__all__ = (
    "LOG_LEVELS",
    "MODES",
    "SETTINGS",
    "WEB_LISTEN",
    "Kind",
    "Setting",
    "find_setting",
    "is_secret",
    "path_of",
    "variable_of",
)

Kind: TypeAlias = Literal["text", "number", "amount", "flag", "names"]
"""A text, a whole number, one above 0, true or false, or several names: a tuple of texts."""

Tightens: TypeAlias = Callable[[Any, Any], bool]


@dataclass(frozen=True, slots=True)
class Setting:
    """A value that a person may set; ``*`` in the name stands for any one word.

    One that `limits` says what tools may do: with a wrong value nothing is run. A folder may set
    only what has `tightens`, which is true if the second value allows no more than the first.
    `check` makes the value that is used of one of the right kind, or says what is wrong.
    """

    name: str
    kind: Kind
    help: str
    default: Any = None
    choices: tuple[str, ...] = ()
    least: int = 0
    limits: bool = False
    tightens: Tightens | None = None
    check: Callable[[Any], Any] | None = None

    def checked(self, value: object) -> Any:
        """The value, as TOML has it. `ValueError` says what it has to be."""
        plain = _NORMAL[self.kind](value)
        too_small = self.kind == "number" and plain is not None and plain < self.least
        if plain is None or too_small or (self.choices and plain not in self.choices):
            raise ValueError(f"{self._wanted()}, not {value!r}")
        if self.check is None:
            return plain
        try:
            return self.check(plain)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None

    def parsed(self, text: str) -> Any:
        """The value that a text stands for. `ValueError` says what it has to be."""
        try:
            text.encode()
        except UnicodeEncodeError:  # bytes that were no UTF-8 have become lone surrogates
            raise ValueError(f"{self.name} is not UTF-8") from None
        if self.kind == "number" and re.fullmatch(r"\s*[0-9]{1,18}\s*", text):
            return self.checked(int(text))
        if self.kind == "amount" and re.fullmatch(r"\s*[0-9]{1,18}(?:\.[0-9]{1,18})?\s*", text):
            return self.checked(float(text))
        if self.kind == "flag":
            return self.checked(_FLAGS.get(text.strip().lower(), text))
        return self.checked(text)

    def _wanted(self) -> str:
        if self.choices:
            return f"{self.name} is one of {', '.join(self.choices)}"
        return f"{self.name} is {_SAID[self.kind].format(least=self.least)}"


_FLAGS = {"true": True, "yes": True, "on": True, "1": True}
_FLAGS |= {"false": False, "no": False, "off": False, "0": False}
_SAID = {
    "text": "a text",
    "number": "a whole number of {least} or more",
    "amount": "a number above 0",
    "flag": "true or false",
    "names": "a list of names",
}


def _amount(value: object) -> float | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 < value < _MOST else None  # type: ignore[arg-type,operator]


def _names(value: object) -> tuple[str, ...] | None:
    if isinstance(value, str):
        return _names_in(value)
    listed = isinstance(value, list | tuple) and all(isinstance(name, str) for name in value)
    return tuple(value) if listed else None  # type: ignore[arg-type]


_MOST = 1e18

_NORMAL: Mapping[Kind, Callable[[object], Any]] = {
    "text": lambda value: value if type(value) is str else None,
    "number": lambda value: value if type(value) is int else None,
    "amount": _amount,
    "flag": lambda value: value if type(value) is bool else None,
    "names": _names,
}
"""From a value as TOML has it to the one that is used; None if it is of another kind."""


def _names_in(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))


def _among(allowed: Mapping[str, tuple[str, ...]]) -> Tightens:
    return lambda before, after: after == before or after in allowed.get(before, ())


def _is_part(before: tuple[str, ...] | None, after: tuple[str, ...]) -> bool:
    return before is None or after == ("none",) or set(after) <= set(before)


def _is_less(before: float | None, after: float) -> bool:
    return before is None or after <= before


MODES = ("ask", "plan", "accept-edits", "auto")
_TIGHTER_MODES = _among(
    {"ask": ("plan",), "accept-edits": ("ask", "plan"), "auto": ("ask", "plan")}
)
_TIGHTER_PLACES = _among(
    {"none": ("workspace-write", "read-only"), "workspace-write": ("read-only",)}
)
LOG_LEVELS = ("critical", "error", "warning", "info", "debug", "notset")
WEB_LISTEN = "localhost:8086"
"""Where a browser finds the application, unless told otherwise."""

SETTINGS = (
    Setting("transport", "text", "the model's provider; not set: the first that can be used"),
    Setting("model", "text", "the model; not set: the transport's own", tightens=lambda *_: True),
    Setting(
        "tools", "names", "tools the model may call; not set: all", limits=True, tightens=_is_part
    ),
    Setting(
        "sandbox",
        "text",
        "where commands run and files are: none, workspace-write, read-only, docker, docker:IMAGE",
        "none",
        limits=True,
        tightens=_TIGHTER_PLACES,
    ),
    Setting(
        "mode",
        "text",
        "when you are asked before a call",
        "ask",
        choices=MODES,
        limits=True,
        tightens=_TIGHTER_MODES,
    ),
    Setting("guards", "names", "installed guards that are asked; not set: all", limits=True),
    Setting(
        "max_iterations",
        "number",
        "how often the model may be asked for one prompt",
        50,
        least=1,
        limits=True,
        tightens=_is_less,
    ),
    Setting(
        "max_tokens",
        "number",
        "tokens that one prompt may take",
        least=1,
        limits=True,
        tightens=_is_less,
    ),
    Setting("max_cost", "amount", "USD that one prompt may cost", limits=True, tightens=_is_less),
    Setting(
        "time_limit", "amount", "seconds that one prompt may take", limits=True, tightens=_is_less
    ),
    Setting("system", "text", "the system prompt, instead of axio's own"),
    Setting("log_level", "text", "what to log", choices=LOG_LEVELS),
    Setting("log_file", "text", "where to log; not set: standard error"),
    Setting("ui", "text", "the full screen, or lines", "full", choices=("full", "plain")),
    Setting("theme", "text", "the colours of the full screen"),
    Setting("servers_wait", "number", "seconds that a prompt waits for slow MCP servers", 5),
    Setting("mouse", "flag", "the full screen takes the mouse", True),
    Setting(
        "notify",
        "text",
        "full screen: what a window without focus sends when a question comes or a run has ended",
        "bell",
        choices=("bell", "osc9", "off"),
    ),
    Setting(
        "exit_print",
        "text",
        "what stays in the terminal after the full screen",
        "last",
        choices=("last", "all", "none"),
    ),
    Setting("retention.conversations", "number", "days to keep conversations; 0: for ever", 365),
    Setting("retention.logs", "number", "days to keep logs; 0: for ever", 30),
    Setting("models.subagent", "text", "the model of sub-agents, as TRANSPORT:MODEL"),
    Setting("models.guard", "text", "the model that looks at calls in the mode auto"),
    Setting("models.vision", "text", "the model that looks at images for the others"),
    Setting("models.compaction", "text", "the model that writes summaries of conversations"),
    Setting("plugins.disabled", "names", "tools, plug-ins and selectors that are switched off"),
    Setting("transports.disabled", "names", "transports that are switched off"),
    Setting("guards.disabled", "names", "guards that are switched off", limits=True),
    Setting(
        "guards.*.tools",
        "names",
        "the tools that a guard is asked about; not set: all",
        limits=True,
    ),
    Setting("selector.active", "text", "the plug-in that chooses the tools that a model is shown"),
    *(
        Setting(f"keys.{name}", "names", f"full screen: {one.words}", one.keys, check=checker(name))
        for name, one in ACTIONS.items()
    ),
    Setting("transports.*.base_url", "text", "the address of a transport's server"),
)

_SECRET = re.compile(r"(?:.*[._-])?(?:api[._-]?key|key|tokens?|password|secret)", re.I)
_EXACT = {setting.name: setting for setting in SETTINGS}
_PATTERNS = [
    (re.compile(re.escape(setting.name).replace(r"\*", r"[A-Za-z0-9_+-][A-Za-z0-9_.+-]*")), setting)
    for setting in SETTINGS
    if "*" in setting.name
]


def find_setting(name: str) -> Setting | None:
    """The setting of this name; None if there is no such."""
    exact = None if "*" in name else _EXACT.get(name)
    if exact is not None:
        return exact
    return next((setting for form, setting in _PATTERNS if form.fullmatch(name)), None)


def path_of(name: str) -> tuple[str, ...]:
    """The way to a setting in a file: the word for ``*`` is one name, also with dots in it."""
    setting = find_setting(name)
    words, pattern = name.split("."), setting.name.split(".") if setting else []
    if "*" in pattern:
        star = pattern.index("*")
        end = len(words) - (len(pattern) - star - 1)
        words[star:end] = [".".join(words[star:end])]
    return tuple(words)


def is_secret(name: str) -> bool:
    """True if a setting of this name is a key or the like, which no file of settings holds."""
    return _SECRET.fullmatch(name) is not None


def variable_of(name: str) -> str:
    """The environment variable that sets it."""
    return f"AXIO_{re.sub('[^A-Z0-9]', '_', name.upper())}"
