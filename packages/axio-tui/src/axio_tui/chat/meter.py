"""`Meter`: how full the model's window is, and the tokens and the money that were spent. Pure.

session.meter.window(model)   # "42,000 of 128,000 tokens, 33 %"
session.meter.spent           # by model, with what sub-agents, reviewers and summaries took
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias

from axio.models import ModelSpec
from axio.run.budget import cost_of
from axio.types import JSONObject, Usage

__all__ = ("Level", "Meter", "Spent", "Window", "in_all")

Level: TypeAlias = Literal["fine", "high", "full"]
"""Of a window: full from 90 % on, high from 70 % on."""

_LEVELS: tuple[tuple[float, Level], ...] = ((0.9, "full"), (0.7, "high"))
_WORDS: Mapping[Level, str] = {"fine": "", "high": ", filling up", "full": ", almost full"}

_UNKNOWN = "unknown model"
_NOTHING = Usage(0, 0)


@dataclass(frozen=True, slots=True)
class Window:
    """The model's context window: `tokens` of it are used. `is_counted` says that the provider has
    counted them, with those that it had cached; else they are an estimate."""

    tokens: int
    size: int | None
    is_counted: bool

    @property
    def share(self) -> float | None:
        """From 0 to 1 and above; None where the size is not known."""
        return self.tokens / self.size if self.size else None

    @property
    def level(self) -> Level:
        share = self.share or 0.0
        return next((level for least, level in _LEVELS if share >= least), "fine")

    def __str__(self) -> str:
        about = "" if self.is_counted else "about "
        if self.share is None:
            return f"{about}{self.tokens:,} tokens"
        word = _WORDS[self.level]
        return f"{about}{self.tokens:,} of {self.size:,} tokens, {self.share:.0%}{word}"


@dataclass(frozen=True, slots=True)
class Spent:
    """The use of a model, or of several together. `cost` is in USD; None says that the price of
    some of it is not known."""

    requests: int
    usage: Usage
    cost: float | None

    def __add__(self, other: Spent) -> Spent:
        costs = (self.cost, other.cost)
        return Spent(
            self.requests + other.requests,
            self.usage + other.usage,
            None if costs[0] is None or costs[1] is None else costs[0] + costs[1],
        )

    def __str__(self) -> str:
        """In one line: tokens and money."""
        usage = self.usage
        cached = f" ({usage.cache_read_tokens:,} cached)" if usage.cache_read_tokens else ""
        told = f"{usage.input_tokens:,} tokens in{cached}, {usage.output_tokens:,} out"
        return f"{told}, {'price unknown' if self.cost is None else money(self.cost)}"


def money(usd: float) -> str:
    """An amount as people write it; small ones keep two figures that say something."""
    if usd and usd < 0.995:
        return f"${usd:.4f}" if usd >= 0.0001 else "under $0.0001"
    return f"${usd:,.2f}"


def in_all(spent: Mapping[str, Spent]) -> Spent:
    """All of them together."""
    return sum(spent.values(), Spent(0, _NOTHING, 0.0))


class Meter:
    """`count` is told of every model call of a session and of all that works for it.

    Models cost what their `ModelSpec` says. One without prices costs nothing if it is in `free`,
    and else it is not known what it costs.
    """

    def __init__(self, free: Collection[str] = ()) -> None:
        self.free = free
        self.run: dict[str, Spent] = {}
        """Of the last run, by the id of the model."""
        self.spent: dict[str, Spent] = {}
        """Of the session, by the id of the model, the one that was used first on top."""
        self._counted: int | None = None
        self._estimate = 0

    def begin(self) -> None:
        """A run begins."""
        self.run = {}

    def count(self, usage: Usage, model: ModelSpec | None) -> None:
        """A model call was made; for `Budget.watch`."""
        id = _UNKNOWN if model is None else model.id
        one = Spent(1, usage, self._cost(usage, model))
        for spent in (self.run, self.spent):
            spent[id] = spent[id] + one if id in spent else one

    def _cost(self, usage: Usage, model: ModelSpec | None) -> float | None:
        if model is None:
            return None
        is_priced = bool(model.input_cost or model.output_cost)
        return cost_of(usage, model) if is_priced or model.id in self.free else None

    # ── the window ────────────────────────────────────────────────────────────────────────────

    def filled(self, usages: Iterable[Usage]) -> None:
        """The session itself has asked its model so: the last answer tells how full the window is,
        and is in it from then on."""
        for usage in usages:
            self._counted = usage.input_tokens + usage.output_tokens

    def changed(self, estimate: int) -> None:
        """The history was changed, and has about so many tokens now."""
        self._counted, self._estimate = None, estimate

    def window(self, model: ModelSpec | None) -> Window:
        """The window of `model`, if it goes on with the session."""
        size = None if model is None else model.context_window
        tokens = self._estimate if self._counted is None else self._counted
        return Window(tokens, size, self._counted is not None)

    # ── to be kept with the session ───────────────────────────────────────────────────────────

    def to_dict(self) -> JSONObject:
        return {
            "window": self._counted,
            "spent": {id: asdict(spent) for id, spent in self.spent.items()},
        }

    def restore(self, data: Mapping[str, Any]) -> None:
        """Take over what `to_dict` gave. ValueError for anything else."""
        try:
            spent = {
                str(id): replace(Spent(**one), usage=Usage(**one["usage"]))
                for id, one in data["spent"].items()
            }
            counted = None if data["window"] is None else int(data["window"])
        except (AttributeError, KeyError, TypeError) as error:
            raise ValueError(f"no figures of a session: {error}") from error
        self.spent, self._counted = spent, counted
