"""The front end that needs only lines: `axio run`, and conversations on a terminal of any kind.

The names of `axio_tui.harmless` are here too, their place of the first alpha.
"""

from axio_tui.harmless import PlainText, one_line, plain, visible

__all__ = ("PlainText", "one_line", "plain", "visible")
