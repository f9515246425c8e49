"""`axio_tools_local.confine` as a program of its own, which no command can change.

On Linux it is a sealed archive in memory. Elsewhere, where there is no sandbox, it is the package
as it is installed.
"""

from __future__ import annotations

import fcntl
import functools
import io
import os
import sys
import zipfile
from pathlib import Path

_PACKAGE = Path(__file__).parent
_START = (
    "import sys; sys.path.insert(0, sys.argv[1]); from axio_tools_local.confine import {module}; "
    "{module}.main(sys.argv[2:])"
)


_IN_MEMORY = hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")


def runner(module: str) -> list[str]:
    """The command line, up to its own arguments, that runs a module of `confine`."""
    # The interpreter itself, and not the link in a virtual environment.
    python = os.path.realpath(sys.executable)
    path = f"/proc/self/fd/{descriptor()}" if _IN_MEMORY else str(_PACKAGE.parent)
    return [python, "-I", "-S", "-c", _START.format(module=module), path]


def inherited() -> tuple[int, ...]:
    """The descriptors without which what `runner` returns does not work."""
    return (descriptor(),) if _IN_MEMORY else ()


@functools.cache
def descriptor() -> int:
    """The archive. It is made once, before a command can have changed the package."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for path in (_PACKAGE / "__init__.py", *sorted((_PACKAGE / "confine").glob("*.py"))):
            file.write(path, path.relative_to(_PACKAGE.parent))
    memory = os.memfd_create("axio-confine", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(memory, archive.getvalue())
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, seals)
    return memory
