"""Pictures of any size: a header that tells it, and nothing to be seen."""

from __future__ import annotations

import struct

from axio.blocks import ImageBlock


def png(width: int = 10, height: int = 10, size: int = 40) -> ImageBlock:
    """A PNG of `size` bytes in all."""
    head = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + struct.pack(">II", width, height)
    return ImageBlock("image/png", head.ljust(size, b"\0"))
