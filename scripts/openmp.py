"""The OpenMP runtime for the offline model, on machines that have none.

The wheel that runs the model needs the system's `libgomp.so.1`. A minimal Debian lacks it, and
system packages are not ours to install. Another wheel brings the library along under a name of its
own; a copy with the right name, loaded before anything asks for it, serves as well.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

LIBRARY = "libgomp.so.1"
PROVIDER = "pykdtree"
"""The smallest package whose wheels contain the library."""


def is_missing(python: Path, module: str) -> bool:
    """True if `module` cannot be loaded for want of the library alone."""
    command = [str(python), "-c", f"import {module}"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode != 0 and f"{LIBRARY}: cannot open shared object" in done.stderr


def provide(unpacked: Path, environment: Path) -> None:
    """Take the library out of the unpacked `PROVIDER` into a virtual environment, whose Python then
    loads it when it starts."""
    (source,) = unpacked.glob(f"{PROVIDER}.libs/libgomp-*")
    library = environment.resolve() / "lib" / LIBRARY
    library.write_bytes(_renamed(source.read_bytes(), source.name))
    (packages,) = environment.glob("lib/python3.*/site-packages")
    line = f"import ctypes; ctypes.CDLL({str(library)!r}, ctypes.RTLD_GLOBAL)\n"
    (packages / "openmp.pth").write_text(line, "utf-8")


def _renamed(library: bytes, name: str) -> bytes:
    """The library with `LIBRARY` as the name it gives itself (its SONAME), in the room of the
    longer name that it has: the loader takes one that is loaded by that name."""
    old = name.encode() + b"\0"
    if library.count(old) != 1:
        raise ValueError(f"{name} does not hold its own name once")
    return library.replace(old, LIBRARY.encode().ljust(len(old), b"\0"))
