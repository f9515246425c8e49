"""A fault of the application itself: a report without values of variables, and one line on it."""

from __future__ import annotations

import os
import traceback
from datetime import datetime
from pathlib import Path

from axio_tui.app.redacted import redacted
from axio_tui.config.paths import data_folder, own_folder
from axio_tui.harmless import one_line

__all__ = ("report_crash",)


def report_crash(error: BaseException, secrets: tuple[str, ...] = ()) -> str:
    """Write the traceback into the log folder. The words for the person, on one line.

    Neither holds values of variables, nor any of the secrets.
    """
    told = redacted(
        f"{type(error).__name__}: {error}" if str(error) else type(error).__name__, secrets
    )
    try:
        file = _write(redacted("".join(traceback.format_exception(error)), secrets))
    except OSError:
        return f"the application has failed: {one_line(told)}"
    return f"the application has failed: {one_line(told)}; the report is in {file}"


def _write(text: str) -> Path:
    folder = own_folder(data_folder() / "logs")
    now = datetime.now().astimezone()
    file = folder / f"crash-{now:%Y%m%d-%H%M%S}-{os.getpid()}.log"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(handle, "w", encoding="utf-8") as log:
        log.write(f"{now.isoformat(timespec='seconds')}\n{text}\n")
    return file
