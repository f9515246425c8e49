"""Write constraints.txt: one exact version for everything that `make install` installs.

`make constraints` runs this with uv. The result holds names and versions only: no addresses, no
hashes, no markers, so that it serves uv and pip and every Python the workspace supports.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import openmp
from install import CONSTRAINTS, MODEL_RUNTIME, ROOT, WEIGHTS, dev_group, packages

HEADER = "# Exact versions of everything `make install` installs. Written by `make constraints`.\n"


def main(uv: Path) -> None:
    ours = {path.parent.name for path in ROOT.glob("packages/*/pyproject.toml")}
    # As folders, not by name: a name would be looked up in the registry.
    wanted = [f"-e {package}" for package in packages()]
    wanted += [*dev_group(), MODEL_RUNTIME, "uv", "editables"]
    compile = [
        str(uv), "pip", "compile", "--quiet", "--system-certs", "--universal",
        "--python-version", "3.11", "--no-header", "--no-annotate", "--no-emit-index-url",
    ]  # fmt: skip
    found = run([*compile, "-"], "\n".join(wanted))
    found += run([*compile, "--no-deps", "-"], f"{WEIGHTS}\n{openmp.PROVIDER}")
    # A package that only some platforms need keeps its version; the marker goes.
    pins = dict(line.split(";")[0].strip().split("==") for line in found if "==" in line)
    lines = [f"{name}=={pins[name]}\n" for name in sorted(pins) if name not in ours]
    CONSTRAINTS.write_text(HEADER + "".join(lines), "utf-8")


def run(command: list[str], requirements: str) -> list[str]:
    done = subprocess.run(command, input=requirements, capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout.splitlines()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
