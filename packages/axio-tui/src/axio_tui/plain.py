"""The names of `axio_tui.harmless` at their place of the first alpha."""

from __future__ import annotations

from axio_tui.harmless import PlainText, one_line, plain, visible

__all__ = ("PlainText", "one_line", "plain", "visible")
