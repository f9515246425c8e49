"""The program itself: Python, its packages, and the plug-ins that are installed."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec

from axio_tui.doctor.findings import Finding

__all__ = ("look_at_clipboard", "look_at_packages", "look_at_python")

_LEAST = (3, 11)
CLIPBOARD_TOOLS = {"linux": ("wl-paste", "xclip"), "darwin": ("pngpaste",)}


def look_at_python() -> Iterator[Finding]:
    version = f"{platform.python_version()} on {platform.system()} {platform.machine()}"
    if sys.version_info < _LEAST:
        least = ".".join(map(str, _LEAST))
        yield Finding("broken", "Python", version, f"use Python {least} or later")
    else:
        yield Finding("ok", "Python", f"{version}, {sys.executable}")


def look_at_packages() -> Iterator[Finding]:
    """Those of axio belong together; of others the versions that are asked for are told by pip."""
    versions = {
        name: found.version
        for found in metadata.distributions()
        if (name := str(found.metadata["Name"] or "")) == "axio" or name.startswith("axio-")
    }
    ours = versions.get("axio")
    others = {name: version for name, version in versions.items() if version != ours}
    if ours is None:
        yield Finding("warning", "packages", "the version of axio is not known")
    else:
        names = sorted(name for name in versions if name not in others)
        yield Finding("ok", "packages", f"{ours}: {', '.join(names)}")
    for name in sorted(others):
        if ours is not None and name in _of_the_series():
            advice = f"install {name} of the series {ours}"
            yield Finding("warning", name, f"version {others[name]}, but axio is {ours}", advice)
    for name in ("textual", "aiohttp"):
        if find_spec(name) is None:
            what = "no full screen" if name == "textual" else "no provider can be asked"
            yield Finding("warning", name, f"not installed: {what}", f"install {name}")
        else:
            yield Finding("ok", name, metadata.version(name))


def _of_the_series() -> set[str]:
    """The distributions that axio-tui itself asks for."""
    wanted = metadata.requires("axio-tui") or ()
    names = {line.split(";")[0].split("~")[0].split("[")[0].strip() for line in wanted}
    return {"axio-tui", *(name for name in names if name.startswith("axio"))}


def look_at_clipboard() -> Iterator[Finding]:
    """The programs that give an image of the clipboard."""
    tools = CLIPBOARD_TOOLS.get(sys.platform, ())
    there = [tool for tool in tools if shutil.which(tool)]
    if there:
        yield Finding("ok", "clipboard images", f"by {', '.join(there)}")
    else:
        wanted = " or ".join(tools) or "none is known for this system"
        advice = "install one of them, or mention a file: @picture.png"
        yield Finding("warning", "clipboard images", f"no program gives them: {wanted}", advice)
