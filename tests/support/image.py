"""Images of a container's root, made of this machine's own files: there is no registry to ask.

Both have a shell. The small one has BusyBox, as Alpine has, and nothing else; the other has the GNU
programs and Python, as Debian has. What a workspace asks of an image must be had in both.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

SMALL_IMAGE = "axio-small:latest"
GNU_IMAGE = "axio-python:latest"

_FOLDERS = ("dev", "etc", "home", "lib64", "proc", "root", "sys", "tmp", "usr/bin", "var")
_PROGRAMS = """
    bash cat chgrp chmod chown cp cut date dd env find grep head id kill ln ls mkdir mkfifo mknod
    mktemp mount mv nohup ps readlink rm rmdir sed setsid sleep sort stat tail tar tee timeout touch
    tr true umount uname unshare wc xargs
""".split()
_UNUSED = ("config-", "ensurepip", "idlelib", "lib2to3", "pydoc_data", "test", "tkinter")


def small_image(tar: tarfile.TarFile) -> None:
    """BusyBox (Debian: busybox-static) under all its names."""
    _skeleton(tar)
    busybox = _program("busybox")
    tar.add(os.path.realpath(busybox), "usr/bin/busybox")
    for name in subprocess.run([busybox, "--list"], capture_output=True, text=True).stdout.split():
        if name != "busybox":
            _link(tar, f"usr/bin/{name}", "busybox")


def gnu_image(tar: tarfile.TarFile) -> None:
    """The programs of Debian, among them Debian's Python."""
    _skeleton(tar)
    python = os.path.realpath("/usr/bin/python3")
    programs = {name: _program(name) for name in _PROGRAMS}
    programs |= {"sh": _program("dash"), "python3": python}
    for name, path in programs.items():
        tar.add(os.path.realpath(path), f"usr/bin/{name}")
    library = Path("/usr/lib") / Path(python).name
    tar.add(library, str(library)[1:], filter=_needed)
    extensions = [str(path) for path in (library / "lib-dynload").glob("*.so")]
    for path in _libraries([*programs.values(), *extensions]):
        tar.add(os.path.realpath(path), path[1:])


def _program(name: str) -> str:
    path = shutil.which(name)
    assert path is not None, f"{name} is not installed"
    return path


def _libraries(files: list[str]) -> list[str]:
    told = subprocess.run(["ldd", *files], capture_output=True, text=True).stdout
    return sorted(set(re.findall(r"(?:=> |^\t)(/\S+)", told, re.MULTILINE)))


def _needed(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = Path(info.name).parts
    unused = "__pycache__" in parts or any(part.startswith(_UNUSED) for part in parts[3:4])
    return None if unused else info


def _skeleton(tar: tarfile.TarFile) -> None:
    for name in _FOLDERS:
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, 0o1777 if name == "tmp" else 0o755
        tar.addfile(info)
    _link(tar, "bin", "usr/bin")
    for name, text in (
        ("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/home:/bin/sh\n"),
        ("etc/group", "root:x:0:\nuser:x:1000:\n"),
    ):
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(text), 0o644
        tar.addfile(info, io.BytesIO(text.encode()))


def _link(tar: tarfile.TarFile, name: str, target: str) -> None:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    tar.addfile(info)
