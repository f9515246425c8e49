from __future__ import annotations

from collections import UserDict

import pytest

from axio.models import Capability, ModelRegistry, ModelSpec

SMALL = ModelSpec("small", frozenset({Capability.text}), input_cost=1, output_cost=9)
LARGE = ModelSpec(
    "large", frozenset({Capability.text, Capability.tool_use}), input_cost=3, output_cost=5
)
SMALL_NEW = ModelSpec("small-new", frozenset({Capability.tool_use}), input_cost=1, output_cost=7)


@pytest.fixture
def registry() -> ModelRegistry:
    return ModelRegistry([SMALL, LARGE, SMALL_NEW])


def test_capabilities_are_strings_named_as_themselves() -> None:
    assert [str(c) for c in Capability] == [
        *("text", "vision", "video", "audio", "image_generation", "video_generation"),
        *("reasoning", "tool_use", "json_mode", "structured_outputs", "embedding"),
    ]
    assert Capability.tool_use == "tool_use"


def test_a_spec_has_the_documented_defaults_and_order() -> None:
    spec = ModelSpec("m")
    assert (spec.capabilities, spec.max_output_tokens, spec.context_window) == (
        frozenset(),
        8192,
        128000,
    )
    assert (spec.input_cost, spec.output_cost) == (0.0, 0.0)
    assert (spec.cache_read_cost, spec.cache_write_cost) == (None, None)
    assert ModelSpec("m", frozenset(), 1, 2, 3.0, 4.0) == ModelSpec(
        id="m", max_output_tokens=1, context_window=2, input_cost=3.0, output_cost=4.0
    )
    with pytest.raises(AttributeError):
        spec.id = "other"  # type: ignore[misc]


def test_iteration_yields_specs_in_order_while_keys_are_ids(registry: ModelRegistry) -> None:
    specs = [spec for spec in registry]  # noqa: C416 - as people write it
    assert specs == [SMALL, LARGE, SMALL_NEW]
    assert list(registry.keys()) == registry.ids() == ["small", "large", "small-new"]
    assert list(registry.values()) == [SMALL, LARGE, SMALL_NEW]
    assert list(registry.items()) == [(s.id, s) for s in (SMALL, LARGE, SMALL_NEW)]
    assert "small" in registry
    assert "none" not in registry
    assert len(registry) == 3
    assert registry.get("none") is None
    assert dict(registry) == {**registry} == {s.id: s for s in (SMALL, LARGE, SMALL_NEW)}


def test_a_missing_model_is_a_key_error(registry: ModelRegistry) -> None:
    del registry["small"]
    assert registry.ids() == ["large", "small-new"]
    with pytest.raises(KeyError):
        del registry["small"]
    with pytest.raises(KeyError):
        registry["small"]


@pytest.mark.parametrize("wrong", ["gpt", None, {"id": "x"}])
def test_only_specs_can_be_put_in(registry: ModelRegistry, wrong: object) -> None:
    with pytest.raises(ValueError, match="ModelSpec"):
        registry["x"] = wrong  # type: ignore[assignment]
    with pytest.raises(ValueError, match="ModelSpec"):
        ModelRegistry([wrong])  # type: ignore[list-item]


def test_the_key_need_not_be_the_id(registry: ModelRegistry) -> None:
    registry["alias"] = LARGE
    assert registry["alias"] is LARGE
    assert registry.ids()[-1] == "alias"


def test_registries_compare_with_registries_and_dicts(registry: ModelRegistry) -> None:
    assert registry == ModelRegistry(registry)
    assert registry == {s.id: s for s in registry}
    assert registry != ModelRegistry([SMALL])
    assert registry != object()
    with pytest.raises(TypeError):
        hash(registry)


def test_repr_shows_the_models() -> None:
    assert repr(ModelRegistry()) == "ModelRegistry({})"
    assert repr(ModelRegistry([SMALL])) == f"ModelRegistry({{'small': {SMALL!r}}})"


def test_update_takes_registries_mappings_pairs_and_keywords(registry: ModelRegistry) -> None:
    fresh = ModelRegistry()
    fresh.update(registry)
    fresh.update({"a": SMALL})
    fresh.update([("b", LARGE)], c=SMALL_NEW)
    assert fresh.ids() == ["small", "large", "small-new", "a", "b", "c"]
    with pytest.raises(ValueError, match="ModelSpec"):
        fresh.update({"d": "nonsense"})


def test_pop_popitem_setdefault_and_clear_work_on_ids(registry: ModelRegistry) -> None:
    assert registry.popitem() == ("small-new", SMALL_NEW)
    assert registry.pop("small") is SMALL
    assert registry.setdefault("large", SMALL) is LARGE
    registry.clear()
    assert len(registry) == 0
    with pytest.raises(KeyError):
        registry.popitem()


def test_other_mappings_can_be_made_of_a_registry(registry: ModelRegistry) -> None:
    assert UserDict(dict(registry)).data == dict(registry.items())


def test_queries_return_new_registries(registry: ModelRegistry) -> None:
    found = registry.by_prefix("small")
    assert isinstance(found, ModelRegistry)
    assert found.ids() == ["small", "small-new"]
    found.clear()
    assert len(registry) == 3


def test_by_capability_wants_all_of_them(registry: ModelRegistry) -> None:
    assert registry.by_capability(Capability.tool_use).ids() == ["large", "small-new"]
    assert registry.by_capability(Capability.tool_use, Capability.text).ids() == ["large"]
    assert registry.by_capability() == registry


def test_search_prefers_an_exact_id_and_else_wants_every_part(registry: ModelRegistry) -> None:
    assert registry.search("small").ids() == ["small"]
    assert registry.search("sma").ids() == ["small", "small-new"]
    assert registry.search("sma", "new").ids() == ["small-new"]
    assert registry.search("small", "l").ids() == ["small", "small-new"]
    assert registry.search("SMALL").ids() == []
    assert registry.search() == registry


def test_by_cost_sorts_stably(registry: ModelRegistry) -> None:
    assert registry.by_cost().ids() == ["small", "small-new", "large"]
    assert registry.by_cost(desc=True).ids() == ["large", "small", "small-new"]
    assert registry.by_cost(output=True).ids() == ["large", "small-new", "small"]
    assert registry.by_cost(output=True, desc=True).ids() == ["small", "small-new", "large"]


def test_first_and_last_need_a_model(registry: ModelRegistry) -> None:
    assert (registry.first(), registry.last()) == (SMALL, SMALL_NEW)
    for ask in (ModelRegistry().first, ModelRegistry().last):
        with pytest.raises(IndexError, match="ModelRegistry is empty"):
            ask()
