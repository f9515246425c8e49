"""Calls the person back to a window that they do not look at."""

from __future__ import annotations

import os
from collections.abc import Mapping

from textual.app import App

__all__ = ("call_back", "calling")

BELL = "\a"


def call_back(app: App[None], how: str, words: str) -> None:
    """Say the words to a person whose window has no focus, as far as the terminal tells."""
    if not app.app_focus and app.is_running and app._driver is not None:
        app._driver.write(calling(how, words, os.environ))
        app._driver.flush()


def calling(how: str, words: str, environment: Mapping[str, str]) -> str:
    """For the terminal: a bell, or a notification by OSC 9. tmux and screen keep back
    what they do not know, so there it is the bell. `words` are the program's own."""
    if how == "off":
        return ""
    kind = environment.get("TERM", "")
    is_inside = "TMUX" in environment or kind.startswith(("tmux", "screen"))
    return f"\x1b]9;axio: {words}{BELL}" if how == "osc9" and not is_inside else BELL
