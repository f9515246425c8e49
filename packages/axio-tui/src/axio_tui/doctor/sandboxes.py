"""The places where commands may run: what this machine gives, and why it does not give the rest."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from importlib.util import find_spec

from axio_tui.doctor.findings import Finding, State
from axio_tui.doctor.known import shown_url
from axio_tui.doctor.settings import config_here
from axio_tui.errors import words_of_others

__all__ = ("look_at_engine", "look_at_sandbox")

_LEVELS = ("workspace-write", "read-only")
_GVISOR = "runsc"


def look_at_sandbox() -> Iterator[Finding]:
    """One of the two means is enough."""
    from axio_tools_local.sandbox import means

    wanted = str(config_here()["sandbox"])
    found = means()
    is_there = None in found.values()
    for name, problem in found.items():
        if problem is None:
            yield Finding("ok", f"sandbox by {name}", "works")
        else:
            advice = "" if is_there else "install bubblewrap, or choose --sandbox docker"
            is_needed = wanted in _LEVELS and not is_there
            state: State = "broken" if is_needed else "warning"
            yield Finding(state, f"sandbox by {name}", words_of_others(problem), advice)


def look_at_engine(limit: float) -> Iterator[Finding]:
    """Docker or Podman; needed only where the settings name it."""
    needs_it = str(config_here()["sandbox"]).partition(":")[0] == "docker"
    state: State = "broken" if needs_it else "warning"
    only = "" if needs_it else " (only --sandbox docker needs it)"
    if find_spec("axio_tools_docker") is None:
        words = f"axio-tools-docker is not installed{only}"
        yield Finding("broken" if needs_it else "ok", "container engine", words)
        return
    from axio_tools_docker.look import EngineError, engine_facts

    patience = limit * 0.8
    try:
        facts = asyncio.run(engine_facts(patience))
    except TimeoutError:
        words = f"it does not answer within {patience:.1f} s{only}"
        yield Finding(state, "container engine", words, "start it anew")
    except EngineError as error:
        yield Finding(state, "container engine", f"{words_of_others(str(error))}{only}")
    else:
        told = f"{facts.name} {facts.version} at {shown_url(facts.url)}"
        yield Finding("ok", "container engine", f"{told}{', rootless' * facts.is_rootless}")
        if _GVISOR in facts.runtimes:
            yield Finding("ok", "gVisor", f"the engine has the runtime {_GVISOR}")
        else:
            words = f"the engine has no runtime {_GVISOR}: containers share this kernel"
            yield Finding("ok", "gVisor", words)
