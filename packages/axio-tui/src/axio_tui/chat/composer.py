"""The text that a person writes: large pastes as placeholders, commands, mentions of files. Pure.

    pastes = Pastes()
    text = pastes.place(clipboard)              # "[paste 1: 500 lines, 1,892 characters]"
    match parse(text):
        case Shell() | Command(): ...
        case Words(text=text): send(pastes.whole(text))

A placeholder stands for its paste until the text is sent. What is inside of a paste is never read
as a command, nor as a mention of a file: only what the person has typed is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from axio_tui.chat.clean import clean
from axio_tui.how_many import how_many

if TYPE_CHECKING:  # a first frame needs nothing of it
    from axio.blocks import ImageBlock
    from axio.messages import Message
    from axio_tui.chat.pictures import Picture

__all__ = (
    "Command",
    "Input",
    "Mention",
    "Pastes",
    "Shell",
    "Words",
    "mention_at",
    "mentions_in",
    "parse",
    "quoted",
)

LARGE_LINES = 20
LARGE_CHARACTERS = 2_000
"""A paste that has more is shown as a placeholder."""
MAX_SHOWN = 10_000
"""Characters of a text that are shown: of more, each key would be felt."""
_MAX_HELD = 10_000_000

_BEGIN, _END = "\x02", "\x03"  # around a paste in a draft: `clean` leaves none in any text
_MAX_DRAWN = 100_000_000  # bytes of pictures
_PLACEHOLDER = re.compile(
    r"\[paste \d+: [\d,]+ lines?, [\d,]+ characters\]"
    r"|\[image \d+: [^\[\]\n]{1,200}, \d+x\d+, [\d,]+ bytes\]"
)
_COMMAND = re.compile(r"/([A-Za-z][\w:.-]*)(?:\s+(.*))?\Z", re.S)
# A name without blanks, or any in quotation marks. What stands before must not be part of a word:
# an address of mail is no mention.
_MENTION = re.compile(r"""(?<![\w@./\\-])@(?:"((?:[^"\\\n]|\\.)*)"|([^\s"'`@]+))""")
_OPEN_MENTION = re.compile(r"""(?<![\w@./\\-])@(?:"((?:[^"\\\n]|\\.)*)|([^\s"'`@]*))\Z""")
_PLAIN_NAME = re.compile(r"[\w./+~=%,:-]*[\w/+~=%-]")
_ESCAPED = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Words:
    """A prompt for the model. `mentions` are the files that it names, in their order, `pictures`
    those that were pasted, with their placeholders."""

    text: str
    mentions: tuple[str, ...] = ()
    pictures: tuple[tuple[str, ImageBlock], ...] = ()


@dataclass(frozen=True, slots=True)
class Shell:
    """`!command`: for the shell of the person. `is_shared` (`!!`): the model is told of it."""

    command: str
    is_shared: bool = False


@dataclass(frozen=True, slots=True)
class Command:
    """`/name arguments`: for the application."""

    name: str
    arguments: str = ""


Input: TypeAlias = Words | Shell | Command


@dataclass(frozen=True, slots=True)
class Mention:
    """A file named in a text between two offsets."""

    start: int
    end: int
    path: str


def parse(text: str) -> Input:
    """The meaning of a text as it stands in the composer, with placeholders of pastes."""
    if text.startswith("!") and text.strip("!").strip():
        shared = text.startswith("!!")
        return Shell(text[1 + shared :].strip(), shared)
    if found := _COMMAND.match(text.rstrip()):
        return Command(found[1], (found[2] or "").strip())
    if text.startswith("//"):  # how a prompt begins with a slash
        text = text[1:]
    return Words(text, tuple(dict.fromkeys(m.path for m in mentions_in(text))))


# ── mentions ──────────────────────────────────────────────────────────────────────────────────


def mentions_in(text: str) -> Iterator[Mention]:
    """All `@path` and `@"a path"` of a text. If there is such a file, only the folder can tell."""
    for found in _MENTION.finditer(text):
        path = _unquoted(found[1]) if found[2] is None else found[2].rstrip(".,;:!?)]}>")
        if path:
            yield Mention(found.start(), found.end(), path)


def mention_at(text: str, offset: int) -> Mention | None:
    """The mention that is being written before `offset`, maybe still empty."""
    found = _OPEN_MENTION.search(text, text.rfind("\n", 0, offset) + 1, offset)
    if found is None:
        return None
    path = _unquoted(found[1]) if found[2] is None else found[2]
    return Mention(found.start(), offset, path)


def quoted(path: str) -> str:
    """The mention of a path, to be put into a text."""
    if _PLAIN_NAME.fullmatch(path):
        return f"@{path}"
    escaped = re.sub(r'(["\\])', r"\\\1", path)
    return f'@"{escaped}"'


def _unquoted(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


# ── pastes ────────────────────────────────────────────────────────────────────────────────────


class Pastes:
    """The large pastes of one text, and the pictures in it, by the placeholders that stand for them
    in it."""

    def __init__(self) -> None:
        self._whole: dict[str, str] = {}
        self._pictures: dict[str, ImageBlock] = {}

    def place(self, text: str, beside: str = "") -> str:
        """The cleaned text of a paste; if it is large, a placeholder that is not in `beside`."""
        text = clean(text)
        is_too_much = len(text) > 100 and len(beside) + len(text) > MAX_SHOWN
        if not is_too_much and not _is_large(text):
            return text
        return self._placeholder(text, beside)

    def _placeholder(self, text: str, beside: str) -> str:
        lines = text.count("\n") + (not text.endswith("\n"))
        number = len(self._whole)
        while True:
            number += 1
            size = f"{how_many(lines, 'line')}, {len(text):,} characters"
            placeholder = f"[paste {number}: {size}]"
            if placeholder not in self._whole and placeholder not in beside:
                self._whole[placeholder] = text
                return placeholder

    def draw(self, picture: Picture, beside: str = "") -> str:
        """The placeholder of a picture; it is not in `beside`."""
        number = len(self.pictures_in(beside))
        while True:
            number += 1
            placeholder = f"[image {number}: {picture.told}]"
            is_free = self._pictures.get(placeholder, picture.block) == picture.block
            if is_free and placeholder not in beside:
                self._pictures[placeholder] = picture.block
                return placeholder

    def learn(self, message: Message) -> None:
        """Know the pictures of a prompt again, which comes back to be edited."""
        from axio_tui.chat.attached import pictures_of

        self._pictures.update(pictures_of(message))

    def know(self, pictures: Mapping[str, ImageBlock]) -> None:
        """Know the pictures of a draft."""
        self._pictures.update(pictures)

    def pictures_in(self, text: str) -> dict[str, ImageBlock]:
        """The pictures of a text by their placeholders, in their order."""
        named = (found[0] for found in _PLACEHOLDER.finditer(text))
        return {name: self._pictures[name] for name in named if name in self._pictures}

    def fold(self, text: str) -> str:
        """A text from elsewhere, such as an editor, as it may stand in the composer: its pastes as
        placeholders again and, if it is still large, all of it as one."""
        folded = text = clean(text)
        for placeholder, whole in self._whole.items():
            folded = folded.replace(whole, placeholder)
        return self._placeholder(text, text) if len(folded) > MAX_SHOWN else folded

    def whole(self, text: str) -> str:
        """The text with every paste in its place."""
        return _PLACEHOLDER.sub(lambda found: self._whole.get(found[0], found[0]), text)

    def kept(self, text: str) -> str:
        """The text with every paste in its place, and marked, to be kept as a draft."""

        def marked(found: re.Match[str]) -> str:
            whole = self._whole.get(found[0])
            return found[0] if whole is None else f"{_BEGIN}{whole}{_END}"

        return _PLACEHOLDER.sub(marked, text)

    def restore(self, kept: str) -> str:
        """The text of a draft, with its pastes as placeholders."""
        pieces = []
        for index, piece in enumerate(kept.split(_BEGIN)):
            paste, end, rest = piece.partition(_END)
            if index == 0 or not end:
                pieces.append(self.fold(piece))
            else:
                pieces += [self.place(paste, kept), self.fold(rest)]
        return "".join(pieces)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where placeholders stand in a text."""
        for found in _PLACEHOLDER.finditer(text):
            if found[0] in self._whole or found[0] in self._pictures:
                yield found.span()

    def widen(self, line: str, start: int, end: int) -> tuple[int, int]:
        """An edit of a line between two columns, so that it never leaves half a placeholder.

        One that is touched goes whole. Where nothing is taken away, as when a letter is typed, the
        place behind it is meant.
        """
        for first, last in self.spans(line):
            if start == end and first < start < last:
                return last, last
            if start < last and first < end:
                start, end = min(start, first), max(end, last)
        return start, end

    def sent(self) -> None:
        """The text has been sent. Its pastes are known until they take much room, so that a text
        that comes back is shown as before."""
        if sum(map(len, self._whole.values())) > _MAX_HELD:
            self._whole.clear()
        if sum(len(one.data) for one in self._pictures.values()) > _MAX_DRAWN:
            self._pictures.clear()


def _is_large(text: str) -> bool:
    return len(text) > LARGE_CHARACTERS or text.count("\n", 0, -1) >= LARGE_LINES
