"""Settings of a transport or plug-in as data: fields that a person fills in, on a screen or in
lines. Pure.

A class has them in `FIELDS`: mappings with what a `Field` is made of, so that a package needs
nothing of this one to offer them.

    class AcmeTransport:
        FIELDS = (
            {"name": "api_key", "kind": "secret", "label": "API key", "variable": "ACME_API_KEY"},
            {"name": "base_url", "label": "address", "help": "empty: Acme's own"},
        )
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias, get_args

from axio.wire.secret import Secret, blotted
from axio_tui.config.settings import is_secret

__all__ = ("CLEAR", "Field", "Form", "Kind", "arguments", "fields_of", "secret_names", "shown")

Kind: TypeAlias = Literal["text", "secret", "number", "choice", "bool", "list"]
"""A text, one that is shown nowhere, a number, one of `choices`, yes or no, several texts."""

CLEAR = "-"
"""The answer that takes away what was set."""

_LONG_ENOUGH = 12  # characters of a secret of which four may be shown
_TRUTHS = {"yes": "true", "y": "true", "true": "true", "on": "true", "1": "true"}
_TRUTHS |= {"no": "false", "n": "false", "false": "false", "off": "false", "0": "false"}


def shown(value: str) -> str:
    """A secret as a person may see it: by its last four characters."""
    text = value.reveal() if isinstance(value, Secret) else value
    return f"...{text[-4:]}" if len(text) >= _LONG_ENOUGH else "..."


@dataclass(frozen=True, slots=True)
class Field:
    """One setting. `name` is what the class is called with.

    `check` is called with the text that would be kept, and raises `ValueError`. `default` is used
    where nothing is set, `variable` is the environment variable that comes before all.
    """

    name: str
    kind: Kind = "text"
    label: str = ""
    help: str = ""
    default: str = ""
    choices: Sequence[str] = ()
    check: Callable[[str], object] | None = None
    required: bool = False
    variable: str = ""

    def __post_init__(self) -> None:
        if not self.name.isidentifier():
            raise ValueError(f"a field cannot be called {self.name!r}")
        if self.kind not in get_args(Kind):
            kinds = ", ".join(get_args(Kind))
            raise ValueError(f"the field {self.name} is of the kind {self.kind!r}, not {kinds}")
        if self.kind == "choice" and not self.choices:
            raise ValueError(f"the field {self.name} has no choices")

    @property
    def title(self) -> str:
        return self.label or self.name.replace("_", " ")

    @property
    def is_secret(self) -> bool:
        return self.kind == "secret" or is_secret(self.name)

    @property
    def hint(self) -> str:
        """The words on what fits."""
        words = [self.help, _WANTED[self.kind].format(", ".join(self.choices))]
        if self.default:
            words.append(f"else {self.default}")
        return "; ".join(word for word in words if word)

    def read(self, answer: str, before: str = "") -> str:
        """The text that is kept for an answer, "" for none. `ValueError` says what fits.

        An empty answer to a secret keeps the one of `before`, for that is not shown.
        """
        text = answer.strip()
        if text == CLEAR or (not text and not self.is_secret):
            text = ""
        elif not text:
            text = before
        else:
            text = self._checked(text)
        if self.required and not text and not self.default:
            raise ValueError(f"{self.title} is needed")
        return text

    def _checked(self, text: str) -> str:
        if not text.isprintable():
            raise ValueError(f"{self.title} has characters that cannot be seen")
        text = self._normal(text)
        if self.check is not None:
            try:
                self.check(text)
            except ValueError as error:
                raise ValueError(self._harmless(str(error), text)) from None
            except Exception as error:  # code of others
                raise ValueError(self._harmless(f"it was not accepted: {error}", text)) from None
        return text

    def _harmless(self, words: str, text: str) -> str:
        return blotted(words, [text]) if self.is_secret else words

    def _normal(self, text: str) -> str:
        match self.kind:
            case "number":
                return str(_number(text, self.title))
            case "choice":
                if text not in self.choices:
                    raise ValueError(f"{self.title} is one of {', '.join(self.choices)}")
            case "bool":
                if text.lower() not in _TRUTHS:
                    raise ValueError(f"{self.title} is yes or no")
                return _TRUTHS[text.lower()]
            case "list":
                names = dict.fromkeys(one.strip() for one in text.split(","))
                return ", ".join(name for name in names if name)
        if self.is_secret and (not text.isascii() or " " in text):
            raise ValueError(f"that is no {self.title}: it has characters that none has")
        return text

    def value(self, text: str) -> Any:
        """The value that a class is called with for a text that was kept."""
        match self.kind:
            case "number":
                return _number(text, self.title)
            case "bool":
                return _TRUTHS.get(text.strip().lower()) == "true"
            case "list":
                return [name.strip() for name in text.split(",") if name.strip()]
        return text

    def told(self, text: str) -> str:
        """A text that is kept, as a person may see it."""
        return shown(text) if text and self.is_secret else text


_WANTED: Mapping[str, str] = {
    "text": "",
    "secret": "",
    "number": "a number",
    "choice": "one of {}",
    "bool": "yes or no",
    "list": "several, with commas",
}


def _number(text: str, title: str) -> int | float:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        if abs(number) < 1e18:  # false for NaN, too
            return number
    raise ValueError(f"{title} is a number")


@dataclass(frozen=True, slots=True)
class Form:
    """Fields to be filled in, with what is set now: `values` by name. `notes` are said above."""

    title: str
    fields: Sequence[Field]
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: Sequence[str] = ()

    def over(self, values: Mapping[str, str] | None, note: str = "") -> Form:
        """The form with other values, unless they are None, and one more note."""
        notes = (*self.notes, note) if note else self.notes
        return replace(self, values=self.values if values is None else values, notes=notes)

    def with_answers(self, kept: Mapping[str, str]) -> dict[str, str]:
        """All values after the form was filled in: those that it does not ask for stay."""
        asked = {one.name for one in self.fields}
        return {n: text for n, text in self.values.items() if n not in asked} | dict(kept)

    def read(self, answers: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """The texts to keep, and by name the words on those that do not fit."""
        kept, wrong = {}, {}
        for one in self.fields:
            try:
                text = one.read(answers.get(one.name, ""), self.values.get(one.name, ""))
            except ValueError as error:
                wrong[one.name] = str(error)
            else:
                if text:
                    kept[one.name] = text
        return kept, wrong


def fields_of(kind: object) -> tuple[Field, ...]:
    """The fields of a class: its `FIELDS`, else its key and address, as far as it takes them.

    `ValueError` for `FIELDS` that are none.
    """
    given: Any = getattr(kind, "FIELDS", None)
    if given is None:
        return _usual(kind)
    try:
        fields = tuple(one if isinstance(one, Field) else Field(**one) for one in given)
    except (TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"its FIELDS are none: {error}") from error
    names = [one.name for one in fields]
    if len(set(names)) < len(names):
        raise ValueError("its FIELDS have a name twice")
    return fields


def secret_names(kind: object) -> set[str]:
    """The names of the fields of a class that are secrets; none for `FIELDS` that are none."""
    try:
        return {one.name for one in fields_of(kind) if one.is_secret}
    except ValueError:
        return set()


def arguments(kind: object, saved: Mapping[str, str]) -> dict[str, Any]:
    """The keyword arguments that a class is called with for texts that were kept: those of a field
    as its kind says, all others as they are.

    One whose text does not fit any more is left out.
    """
    try:
        fields = {one.name: one for one in fields_of(kind)}
    except ValueError:
        fields = {}
    values: dict[str, Any] = {}
    for name, text in saved.items():
        try:
            values[name] = fields[name].value(text) if name in fields else text
        except ValueError:
            continue
    return values


_USUAL = (Field("api_key", "secret", "API key"), Field("base_url", label="address"))


def _usual(kind: object) -> tuple[Field, ...]:
    try:
        parameters = inspect.signature(kind).parameters  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return ()
    return tuple(one for one in _USUAL if one.name in parameters)
