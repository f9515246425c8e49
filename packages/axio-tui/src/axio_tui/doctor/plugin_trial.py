"""Loads every installed plug-in, in a process that may end by it: `python -m` this module.

It writes JSON lines: `[group, name]` before each, `[group, name, problem]` after it, and `[words]`
for what is left out. What plug-ins print is dropped.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

from axio.plugins import (
    GUARDS_GROUP,
    SELECTOR_GROUP,
    TOOLS_GROUP,
    TOOLS_SETTINGS_GROUP,
    TRANSPORT_GROUP,
    TRANSPORT_SETTINGS_GROUP,
    PluginError,
)
from axio_tui.doctor.settings import parts_here
from axio_tui.parts import Parts

GROUPS = (
    TOOLS_GROUP,
    TRANSPORT_GROUP,
    GUARDS_GROUP,
    SELECTOR_GROUP,
    TOOLS_SETTINGS_GROUP,
    TRANSPORT_SETTINGS_GROUP,
)


def main() -> None:
    """Standard input has the plug-ins that are not to be loaded, as a JSON list of pairs."""
    known = {tuple(pair) for pair in json.load(sys.stdin)}
    with os.fdopen(os.dup(1), "w") as answers:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)

        def tell(*words: str) -> None:
            answers.write(f"{json.dumps(words)}\n")
            answers.flush()

        parts = parts_here(tell if not known else lambda words: None)
        for group in GROUPS:
            for name in parts.names(group):
                if (group, name) not in known:
                    tell(group, name)
                    tell(group, name, _problem(parts, group, name))
        tell()
        os._exit(0)  # a plug-in may have left threads, and handlers for the end


def _problem(parts: Parts, group: str, name: str) -> str:
    load: Callable[[], object]
    if group == TOOLS_GROUP:
        load = lambda: parts.load_tool(name)  # noqa: E731
    else:
        load = lambda: parts.load_class(group, name)  # noqa: E731
    try:
        load()
    except PluginError as error:
        return str(error)
    return ""


if __name__ == "__main__":
    main()
