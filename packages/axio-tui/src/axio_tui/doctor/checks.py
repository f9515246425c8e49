"""The table of all checks."""

from __future__ import annotations

from functools import partial

from axio_tui.doctor import machine, model, sandboxes, serving, settings, storage, terminal
from axio_tui.doctor.findings import LIMIT, Check, Finding, examine
from axio_tui.doctor.known import known_secrets
from axio_tui.doctor.parts import look_at_plugins
from axio_tui.doctor.report import without
from axio_tui.doctor.servers import look_at_servers

__all__ = ("ONLINE_LIMIT", "checks", "diagnosis")

ONLINE_LIMIT = 20.0
"""Seconds for what asks others."""


def checks(
    *, online: bool = False, asks_terminal: bool = False, limit: float | None = None
) -> list[Check]:
    """All of them. `online` sends the model a small request and starts the MCP servers."""
    usual = LIMIT if limit is None else limit
    far = (ONLINE_LIMIT if limit is None else limit) if online else usual
    return [
        Check("Python", machine.look_at_python, usual),
        Check("packages", machine.look_at_packages, usual),
        Check("terminal", partial(terminal.look_at_terminal, usual, asks=asks_terminal), usual),
        Check("clipboard images", machine.look_at_clipboard, usual),
        Check("configuration", settings.look_at_config, usual),
        Check("folder", settings.look_at_trust, usual),
        Check("files", storage.look_at_files, usual),
        Check("disk", storage.look_at_space, usual),
        Check("database", storage.look_at_database, usual),
        Check("transports", model.look_at_transports, usual),
        Check("keys", settings.look_at_keys, usual),
        Check("keyring", settings.look_at_keyring, usual),
        Check("model", partial(model.look_at_model, far, online=online), far),
        Check("MCP servers", partial(look_at_servers, far, online=online), far),
        Check("plug-ins", partial(look_at_plugins, usual), usual),
        Check("sandbox", sandboxes.look_at_sandbox, usual),
        Check("browser", serving.look_at_serving, usual),
        Check("container engine", partial(sandboxes.look_at_engine, usual), usual),
    ]


def diagnosis(
    *, online: bool = False, asks_terminal: bool = False, limit: float | None = None
) -> list[Finding]:
    """All findings, without a secret in any. Blocks as long as the slowest check takes."""
    table = checks(online=online, asks_terminal=asks_terminal, limit=limit)
    return without(known_secrets(), examine(table))
