"""Errors of engines, images and containers, told in one line each.

    EngineError
    ├── EngineUnavailable   there is none, or it may not be used
    ├── ImageUnavailable    the image is not there, or lacks what the tools need
    ├── NameInUse           a container has the name, and is not the one that was asked for
    └── ContainerGone       the container has ended or was removed meanwhile

Each is an `OSError`, as what fails in any workspace is, and a `RuntimeError`.
"""

from __future__ import annotations

__all__ = [
    "ContainerGone",
    "EngineError",
    "EngineUnavailable",
    "ImageUnavailable",
    "NameInUse",
]


class EngineError(OSError, RuntimeError):
    """The engine refused what it was asked for."""


class EngineUnavailable(EngineError):
    """No engine answers there, or this user may not ask it."""


class ImageUnavailable(EngineError):
    """There is no such image, or it lacks a program that the tools need."""


class NameInUse(EngineError):
    """Another container has this name; it was left as it is."""


class ContainerGone(EngineError):
    """The container is not there any more. The next call makes a new one."""
