"""The application in a browser: if `axio --serve` can begin here, and what stands in its way."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack

from axio_tui.config.settings import WEB_LISTEN
from axio_tui.doctor.findings import Finding
from axio_tui.errors import CommandError
from axio_tui.serve.address import address_in
from axio_tui.serve.command import bound, check_packages

__all__ = ("look_at_serving",)


def look_at_serving(listen: str = WEB_LISTEN) -> Iterator[Finding]:
    """The place is taken for a moment, and no one can connect to it. Nothing of it is needed."""
    try:
        check_packages()
        for terminal in os.openpty():
            os.close(terminal)
    except CommandError as error:
        yield Finding("warning", "browser", str(error))
        return
    except OSError as error:
        words = f"no terminal can be made for --serve: {error.strerror}"
        yield Finding("warning", "browser", words, "mount /dev/pts")
        return
    try:
        with ExitStack() as stack:
            bound(address_in(listen), stack)
    except CommandError as error:
        advice = "axio --serve --web-listen localhost:0 takes a free port"
        yield Finding("warning", "browser", str(error), advice)
    else:
        yield Finding("ok", "browser", f"axio --serve can listen at {listen}")
