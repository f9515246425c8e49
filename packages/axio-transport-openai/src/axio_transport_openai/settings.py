"""Model descriptions as JSON-able data, for applications that store a transport's settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from axio.models import Capability, ModelSpec

__all__ = ("spec_from_dict", "spec_to_dict")


def spec_to_dict(spec: ModelSpec) -> dict[str, Any]:
    return {
        "id": spec.id,
        "context_window": spec.context_window,
        "max_output_tokens": spec.max_output_tokens,
        "capabilities": sorted(spec.capabilities),
        "input_cost": spec.input_cost,
        "output_cost": spec.output_cost,
    }


def spec_from_dict(data: Mapping[str, Any]) -> ModelSpec:
    """What `spec_to_dict` wrote; capabilities that this version does not know are left out."""
    return ModelSpec(
        data["id"],
        frozenset(Capability(name) for name in data.get("capabilities", ()) if name in _KNOWN),
        data.get("max_output_tokens", 8000),
        data.get("context_window", 128_000),
        data.get("input_cost", 0.0),
        data.get("output_cost", 0.0),
    )


_KNOWN = frozenset(Capability)
