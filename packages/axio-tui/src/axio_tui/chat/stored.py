"""From the messages of a history, and the remarks beside them, to entries. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from axio.blocks import (
    AudioBlock,
    ContentBlock,
    ImageBlock,
    ReasoningBlock,
    TextBlock,
    ToolResultBlock,
    ToolUseBlock,
    VideoBlock,
)
from axio.messages import Message
from axio.results import as_text
from axio.run.store import NUDGE
from axio_tui.chat.attached import words_of
from axio_tui.chat.entries import Entry, Media, MediaBlock, Note, Reasoning, Text, ToolCall, User
from axio_tui.chat.remarks import Mark, Remark, Said, marked

__all__ = ("answered", "entries_in", "entries_of_turn", "is_words", "user_entry")

_MEDIA = (ImageBlock, AudioBlock, VideoBlock)
_NUDGE = [TextBlock(NUDGE)]


def entries_in(messages: Sequence[Message], remarks: Iterable[Remark] = ()) -> list[Entry]:
    """The whole transcript of a history that is valid."""
    said: defaultdict[int, list[Entry]] = defaultdict(list)
    marks: defaultdict[int, list[Mark]] = defaultdict(list)
    for remark in remarks:
        if isinstance(remark, Said):
            said[min(remark.at, len(messages))].append(remark.entry)
        else:
            marks[remark.at].append(remark)
    entries: list[Entry] = []
    results: Mapping[str, ToolResultBlock]
    for index, message in enumerate(messages):
        entries += said.pop(index, ())
        if message.role == "assistant":
            results = {}
            if index + 1 < len(messages):
                results = {block.tool_use_id: block for block in messages[index + 1].tool_results}
            entries += _assistant(message, results, marks[index])
        else:
            entries += _other(message)
    return [*entries, *(entry for at in sorted(said) for entry in said[at])]


def _assistant(
    message: Message, results: Mapping[str, ToolResultBlock], marks: Sequence[Mark]
) -> Iterator[Entry]:
    def call_of(block: ToolUseBlock) -> ToolCall:
        call = ToolCall(block.id, block.name, block.input, "running")
        for mark in marks:
            if mark.call_id == block.id:
                call = marked(call, mark)
        result = results.get(block.id)
        if result is None:
            return call
        return answered(call, as_text(result.content), _media(result), result.is_error)

    return entries_of_turn(message.content, call_of)


def entries_of_turn(
    content: Iterable[ContentBlock], call_of: Callable[[ToolUseBlock], ToolCall]
) -> Iterator[Entry]:
    """The entries of what the model has said in one turn."""
    for block in content:
        if isinstance(block, TextBlock):
            yield Text(block.text)
        elif isinstance(block, ToolUseBlock):
            yield call_of(block)
        elif isinstance(block, _MEDIA):
            yield Media(block)
        elif isinstance(block, ReasoningBlock) and block.text:
            yield Reasoning(block.text)


def answered(
    call: ToolCall,
    result: str,
    media: Iterable[MediaBlock],
    is_error: bool,
    seconds: float | None = None,
) -> ToolCall:
    """The call with its result."""
    return replace(
        call,
        status="failed" if is_error else "done",
        result=result,
        media=tuple(media),
        draft="",
        output="",
        seconds=seconds,
    )


def _media(result: ToolResultBlock) -> Iterator[MediaBlock]:
    if not isinstance(result.content, str):
        yield from (block for block in result.content if isinstance(block, _MEDIA))


def _other(message: Message) -> Iterator[Entry]:
    """The entry of a message that is not the model's; none for results and the core's own words."""
    if message.role == "system":
        yield Note("system", message.text)
    elif is_words(message):
        yield user_entry(message)


def user_entry(message: Message) -> User:
    """The entry of a message of the person."""
    return User(words_of(message), tuple(b for b in message.content if isinstance(b, _MEDIA)))


def is_words(message: Message) -> bool:
    """True for a message of the person: not for results alone, nor for the words that the core puts
    behind a result with media for some providers."""
    return (
        message.role == "user"
        and message.content != _NUDGE
        and not all(isinstance(block, ToolResultBlock) for block in message.content)
    )
