"""Replace a file in one step, without leaving the folders it has to stay in.

Readers and a crash meet the old content or the new, never a mixture. The data is on the disk
(`fsync`) before the new file takes the old one's name; the folder is not synced, so that after a
power failure it may be the old file again. A file that has several names (hard links) is replaced
under this one only.
"""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

Check: TypeAlias = Callable[[str], None]

NEW_FILE_MODE = 0o644
_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def replace(path: str, data: bytes, mode: int | None, check: Check) -> None:
    """Give the file behind `path` new content; make it and its folders when there is none.

    `mode` is set exactly; without it an existing file keeps its own. `check` is called with the
    real path of the folder before anything in it is changed, and raises when it may not be.
    """
    directory, name = os.path.split(os.path.realpath(path))
    with _opened(directory, check, create=True) as folder:
        old = _regular_file(name, folder, path)
        temporary = f".axio-{secrets.token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o600, dir_fd=folder)
        try:
            try:
                _fill(file, data, mode, old)
            finally:
                os.close(file)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)
            raise


def remove(path: str, check: Check) -> None:
    """Remove the file behind `path`."""
    directory, name = os.path.split(os.path.realpath(path))
    with _opened(directory, check, create=False) as folder:
        if _regular_file(name, folder, path) is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        os.unlink(name, dir_fd=folder)


def _fill(file: int, data: bytes, mode: int | None, old: os.stat_result | None) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]
    if old is not None:
        with suppress(PermissionError):  # only root may give a file away
            os.fchown(file, old.st_uid, old.st_gid)
    if mode is None:
        mode = NEW_FILE_MODE if old is None else stat.S_IMODE(old.st_mode)
    os.fchmod(file, mode)  # after the owner, which clears some bits
    os.fsync(file)


def _regular_file(name: str, folder: int, path: str) -> os.stat_result | None:
    try:
        facts = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(facts.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if not stat.S_ISREG(facts.st_mode):
        raise OSError(f"{path} is not a regular file")
    return facts


@contextmanager
def _opened(directory: str, check: Check, *, create: bool) -> Iterator[int]:
    """The folder as a descriptor, which stays this folder even if it is renamed meanwhile.

    The path that is checked is asked of the descriptor, so that there is no time between the check
    and the use in which a symbolic link could be put in the way.
    """
    missing: list[str] = []
    while True:
        try:
            folder = os.open(directory or "/", _DIRECTORY)
            break
        except FileNotFoundError:
            if not create or directory == os.path.dirname(directory):
                raise
            directory, name = os.path.split(directory)
            missing.append(name)
    try:
        check(_path_of(folder, directory))
        for name in reversed(missing):
            with suppress(FileExistsError):
                os.mkdir(name, dir_fd=folder)
            inner = os.open(name, _DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        yield folder
    finally:
        os.close(folder)


def _path_of(folder: int, directory: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{folder}")
    except FileNotFoundError:  # not Linux, and so no sandbox that could ask
        return directory
