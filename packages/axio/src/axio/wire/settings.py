"""The settings of a transport: from the environment, by a model's id, as JSON-able data."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeAlias

from axio.models import Capability, ModelSpec
from axio.types import JSONObject
from axio.wire.address import check_address

__all__ = (
    "Fields",
    "ModelOrId",
    "from_environment",
    "model_field",
    "spec_from_dict",
    "spec_to_dict",
    "usual_fields",
)

Fields: TypeAlias = tuple[Mapping[str, Any], ...]
"""The settings that a person fills in for a transport, each by its name, kind, label, help, default
and check: data for a front end, which has the form."""

if TYPE_CHECKING:

    class ModelOrId:
        """To the type checker: takes a model or its id, gives the model."""

        def __get__(self, instance: object, owner: object = None) -> ModelSpec: ...
        def __set__(self, instance: object, value: ModelSpec | str) -> None: ...
else:
    ModelOrId = ModelSpec


def from_environment(name: str, default: str = "", *, repr: bool = True) -> Any:
    """A dataclass field whose default is a variable's value at the time the object is made."""
    return field(default_factory=lambda: os.environ.get(name) or default, repr=repr)


def model_field(default: Callable[[], ModelSpec]) -> Any:
    """A dataclass field for a `ModelOrId`."""
    return field(default_factory=default)


def spec_to_dict(spec: ModelSpec) -> JSONObject:
    return {
        "id": spec.id,
        "context_window": spec.context_window,
        "max_output_tokens": spec.max_output_tokens,
        "capabilities": sorted(spec.capabilities),
        "input_cost": spec.input_cost,
        "output_cost": spec.output_cost,
    }


def spec_from_dict(data: Mapping[str, Any]) -> ModelSpec:
    """The spec of this data; capabilities that this version does not know are left out."""
    return ModelSpec(
        data["id"],
        frozenset(Capability(name) for name in data.get("capabilities", ()) if name in _KNOWN),
        data.get("max_output_tokens", 8000),
        data.get("context_window", 128_000),
        data.get("input_cost", 0.0),
        data.get("output_cost", 0.0),
    )


_KNOWN = frozenset(Capability)


def usual_fields(key: str, address: str, *, of_key: str = "", at: str = "") -> Fields:
    """The fields of a transport with a key and an address. `key` and `at` are the variables for
    them, `address` is a default, and `of_key` says where a key is to be had."""
    return (
        {
            "name": "api_key",
            "kind": "secret",
            "label": "API key",
            "variable": key,
            "help": of_key,
        },
        {
            "name": "base_url",
            "label": "Address",
            "default": address,
            "variable": at,
            "check": check_address,
            "required": not address,
        },
    )
