"""The names of `axio_tui.config.sqlite_config`, where plug-ins look for them."""

from axio_tui.config.sqlite_config import GLOBAL_PROJECT, ProjectConfig, connect_config

__all__ = ("GLOBAL_PROJECT", "ProjectConfig", "connect_config")
