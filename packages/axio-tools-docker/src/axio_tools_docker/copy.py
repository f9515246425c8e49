"""A folder of this machine as an archive: what a container gets that works on a copy."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tempfile
from typing import IO

__all__ = ["archive_of", "tag_of"]


def tag_of(archive: IO[bytes]) -> str:
    """The name of the image that is built of an archive: another one for another content."""
    digest = hashlib.sha256()
    while piece := archive.read(1 << 20):
        digest.update(piece)
    archive.seek(0)
    return f"axio-built:{digest.hexdigest()[:16]}"


def archive_of(root: str, user: str) -> IO[bytes]:
    """Return the files, folders and links below `root`; to be closed by the caller.

    Modes and times are kept, and all belongs to `user` ("UID:GID"). Sockets, pipes and devices are
    left out, as are files that this process may not read.
    """
    uid, _, gid = user.partition(":")

    def owned(info: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if not (info.isreg() or info.isdir() or info.issym()):
            return None
        if info.isreg() and not os.access(os.path.join(root, info.name), os.R_OK):
            return None
        info.uid, info.gid = int(uid), int(gid or uid)
        info.uname = info.gname = ""
        return info

    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed by the caller
    try:
        with tarfile.open(fileobj=file, mode="w", dereference=False) as tar:
            for name in sorted(os.listdir(root)):
                tar.add(os.path.join(root, name), name, filter=owned)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file
