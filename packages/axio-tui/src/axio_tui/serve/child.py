"""`python -m axio_tui.serve.child`: the application, in the terminal that it is started with."""

from __future__ import annotations

import fcntl
import sys
import termios

from axio_tui.__main__ import main

__all__ = ()

if __name__ == "__main__":
    # Without a terminal that controls it, it would not be told when the server is gone.
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.exit(main())
