"""Descriptions of models, their abilities and prices, and collections of these."""

from __future__ import annotations

from collections.abc import (
    ItemsView,
    Iterable,
    Iterator,
    KeysView,
    Mapping,
    MutableMapping,
    ValuesView,
)
from dataclasses import dataclass
from enum import StrEnum
from operator import attrgetter
from typing import Any

__all__ = ("Capability", "ModelRegistry", "ModelSpec")


class Capability(StrEnum):
    """One thing a model can take, make or do. Members compare equal to their names."""

    text = "text"
    vision = "vision"
    video = "video"
    audio = "audio"
    image_generation = "image_generation"
    video_generation = "video_generation"
    reasoning = "reasoning"
    tool_use = "tool_use"
    json_mode = "json_mode"
    structured_outputs = "structured_outputs"
    embedding = "embedding"


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model as its provider knows it.

    Costs are US dollars per million tokens. A cache price of `None` means that the provider
    publishes none: those tokens cost what other input tokens cost.

    An agent offers tools only to a model with `Capability.tool_use`; a spec without capabilities
    therefore gets none.
    """

    id: str
    capabilities: frozenset[Capability] = frozenset()
    max_output_tokens: int = 8192
    context_window: int = 128000
    input_cost: float = 0.0
    output_cost: float = 0.0
    cache_read_cost: float | None = None
    cache_write_cost: float | None = None


class ModelRegistry(MutableMapping[str, ModelSpec]):
    """Models by id, in the order in which they were added.

    Iterating yields the `ModelSpec`s, not the ids; everything else (`keys`, `in`, `dict(...)`,
    `update`, `popitem`) is that of a mapping from id to spec. All queries return a new registry.
    """

    def __init__(self, models: Iterable[ModelSpec] | ModelRegistry | None = None) -> None:
        self._models: dict[str, ModelSpec] = {}
        specs: Iterable[Any] = () if models is None else models
        for spec in specs:
            self[_checked(spec).id] = spec

    def __getitem__(self, key: str) -> ModelSpec:
        return self._models[key]

    def __setitem__(self, key: str, value: ModelSpec) -> None:
        self._models[key] = _checked(value)

    def __delitem__(self, key: str) -> None:
        del self._models[key]

    def __iter__(self) -> Iterator[ModelSpec]:  # type: ignore[override]
        return iter(self._models.values())

    def __len__(self) -> int:
        return len(self._models)

    def __repr__(self) -> str:
        return f"ModelRegistry({self._models!r})"

    # The mix-in versions of the following take what iteration yields for keys.

    def __contains__(self, key: object) -> bool:
        return key in self._models

    def keys(self) -> KeysView[str]:
        return self._models.keys()

    def values(self) -> ValuesView[ModelSpec]:
        return self._models.values()

    def items(self) -> ItemsView[str, ModelSpec]:
        return self._models.items()

    def clear(self) -> None:
        self._models.clear()

    def popitem(self) -> tuple[str, ModelSpec]:
        """Remove and return the pair that was added last."""
        return self._models.popitem()

    def update(self, other: Any = (), /, **specs: ModelSpec) -> None:
        """Take over another registry, a mapping, or pairs of id and spec."""
        pairs = other.items() if isinstance(other, Mapping) else dict(other).items()
        for key, spec in (*pairs, *specs.items()):
            self[key] = spec

    def ids(self) -> list[str]:
        return list(self._models)

    def first(self) -> ModelSpec:
        """The model that was added first; `IndexError` when there is none."""
        for spec in self:
            return spec
        raise IndexError("ModelRegistry is empty")

    def last(self) -> ModelSpec:
        """The model that was added last; `IndexError` when there is none."""
        for spec in reversed(self._models.values()):
            return spec
        raise IndexError("ModelRegistry is empty")

    def by_prefix(self, prefix: str) -> ModelRegistry:
        return ModelRegistry(spec for spec in self if spec.id.startswith(prefix))

    def by_capability(self, *capabilities: Capability) -> ModelRegistry:
        """The models that have all of these."""
        return ModelRegistry(spec for spec in self if spec.capabilities.issuperset(capabilities))

    def search(self, *parts: str) -> ModelRegistry:
        """The models whose id contains every part (case matters).

        A single part that is an id finds that model alone.
        """
        if len(parts) == 1 and parts[0] in self._models:
            return ModelRegistry([self._models[parts[0]]])
        return ModelRegistry(spec for spec in self if all(part in spec.id for part in parts))

    def by_cost(self, *, output: bool = False, desc: bool = False) -> ModelRegistry:
        """All models by the price of input (or output); equal prices keep their order."""
        price = attrgetter("output_cost" if output else "input_cost")
        return ModelRegistry(sorted(self.values(), key=price, reverse=desc))


def _checked(spec: object) -> ModelSpec:
    if not isinstance(spec, ModelSpec):
        raise ValueError(f"a ModelRegistry holds ModelSpec objects, not {type(spec).__name__}")
    return spec
