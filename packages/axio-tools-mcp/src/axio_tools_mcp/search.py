"""Many tools: the model is shown a tool that finds others, and those that it has found.

The definitions of some hundred tools fill a context before anything was asked. Beyond a number of
tokens they are held back. `find_tools` finds them by words of their names, descriptions and
parameters; what a conversation has found is appended at the end of its list of tools and stays
there, so that a provider's prompt cache keeps all that stands before it.

What was found is read from the history. So every conversation, that of a sub-agent too, has a set
of its own, which is there again when it goes on in another process.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import cached_property
from math import log
from typing import Annotated

from axio.blocks import ToolResultBlock, ToolUseBlock
from axio.field import Field
from axio.messages import Message
from axio.results import as_text
from axio.tool import AnyTool, Tool

__all__ = ("THRESHOLD", "ToolSearch", "tokens_of")

THRESHOLD = 10_000
"""Tokens of definitions above which tools are held back."""

_BEST = 5
_SUMMARY = 160  # characters of a description in a result
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_FOUND = re.compile(r"^- (\S+): ", re.MULTILINE)
_NAME, _PARAMETER, _DESCRIPTION = 4.0, 2.0, 1.0  # what a word is worth, by where it stands


class ToolSearch:
    """A `ToolSelector`, and with `tool` the tool to put among the agent's.

    search = ToolSearch(held_back)
    Agent(..., tools=[*shown, search.tool, *held_back], selector=search)
    """

    def __init__(self, held_back: Collection[AnyTool], name: str = "find_tools") -> None:
        self._tools = {tool.name: tool for tool in held_back}
        self._words = {tool.name: _words_of(tool) for tool in held_back}
        self.tool = Tool(
            name=name, handler=self._find, description=self._description(), read_only=True
        )

    @classmethod
    def past_threshold(
        cls, tools: Sequence[AnyTool], *, always: Collection[str] = (), threshold: int = THRESHOLD
    ) -> ToolSearch | None:
        """A search over all but the tools named `always`; None where all fit into `threshold`."""
        held_back = [tool for tool in tools if tool.name not in always]
        return cls(held_back) if sum(map(tokens_of, held_back)) > threshold else None

    async def select(self, messages: Iterable[Message], tools: Iterable[AnyTool]) -> list[AnyTool]:
        """The tools that are not held back, then those that `messages` have found, as they came."""
        tools = list(tools)
        known = {tool.name: tool for tool in tools if tool.name in self._tools}
        found = dict.fromkeys(name for name in self._found_in(messages) if name in known)
        shown = [tool for tool in tools if tool.name not in self._tools]
        return [*shown, *(known[name] for name in found)]

    def search(self, query: str, count: int = _BEST) -> list[AnyTool]:
        """The tools that fit best; one that is named exactly comes first."""
        wanted = Counter(_split(query))
        scores = {name: self._score(wanted, words) for name, words in self._words.items()}
        named = [name for name in re.split(r"[\s,`'\"]+", query) if name in self._tools]
        best = sorted((n for n, score in scores.items() if score), key=lambda n: (-scores[n], n))
        names = [*named, *(name for name in best if name not in named)]
        return [self._tools[name] for name in dict.fromkeys(names)][: max(count, len(named))]

    def _score(self, wanted: Counter[str], words: dict[str, float]) -> float:
        return sum(
            self._rarity.get(found, 0.0) * worth * (1.0 if found == word else 0.5)
            for word in wanted
            for found, worth in words.items()
            if found == word or (len(word) > 3 and found.startswith(word))
        )

    @cached_property
    def _rarity(self) -> dict[str, float]:
        counts = Counter(word for words in self._words.values() for word in words)
        return {word: log(1 + len(self._words) / count) for word, count in counts.items()}

    def _description(self) -> str:
        servers = sorted({name.partition("__")[0] for name in self._tools})
        return (
            f"Find tools by what they do: {len(self._tools)} more can be called once this has "
            f"found them, of {', '.join(servers)}."
        )

    async def _find(
        self, query: Annotated[str, Field("words for what is to be done, or names of tools")]
    ) -> str:
        found = self.search(query)
        if not found:
            return "No tool fits these words. Try others, in English, or fewer."
        return "These can be called now:\n" + "\n".join(
            f"- {tool.name}: {' '.join(tool.description.split())[:_SUMMARY]}" for tool in found
        )

    def _found_in(self, messages: Iterable[Message]) -> list[str]:
        asked: set[str] = set()
        found: list[str] = []
        for message in messages:
            for block in message.content:
                if isinstance(block, ToolUseBlock) and block.name == self.tool.name:
                    asked.add(block.id)
                elif isinstance(block, ToolResultBlock) and block.tool_use_id in asked:
                    told = "" if block.is_error else as_text(block.content)
                    found += _FOUND.findall(told)
        return found


def tokens_of(tool: AnyTool) -> int:
    """About how many tokens the definition of a tool takes."""
    return len(tool.name + tool.description + json.dumps(dict(tool.schema), default=str)) // 4


def _words_of(tool: AnyTool) -> dict[str, float]:
    properties = tool.schema.get("properties")
    parameters = " ".join(properties) if isinstance(properties, dict) else ""
    words: dict[str, float] = {}
    for text, worth in (
        (tool.description, _DESCRIPTION),
        (parameters, _PARAMETER),
        (tool.name, _NAME),
    ):
        words.update(dict.fromkeys(_split(text), worth))
    return words


def _split(text: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(text)]
