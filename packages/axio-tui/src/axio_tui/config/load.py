"""The configuration of a command: read from its places, told what is wrong, put into options."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from axio_tui.config.file import ConfigFile, Problem, keep_broken, read_config
from axio_tui.config.paths import config_file, database_file
from axio_tui.config.settings import SETTINGS
from axio_tui.config.values import Config, resolve
from axio_tui.errors import WrongUse

__all__ = ("configure", "load_config", "with_stored")


def load_config(
    flags: Mapping[str, Any],
    *,
    projects: Sequence[ConfigFile] = (),
    environment: Mapping[str, str] = os.environ,
) -> Config:
    """All settings, as they hold in the current folder. `projects` are the files of folders that
    are trusted."""
    user = read_config(config_file(environment))
    if user.broken:
        copy = keep_broken(user)
        told = f"; it is left out, and kept as {copy.name}" if copy else "; it is left out"
        user.problems[0] = replace(user.problems[0], text=user.problems[0].text + told)
    return with_stored(flags, projects, user, environment)


def with_stored(
    flags: Mapping[str, Any],
    projects: Sequence[ConfigFile],
    user: ConfigFile,
    environment: Mapping[str, str],
) -> Config:
    """The settings of these files, and of the database for the current folder."""
    stored: dict[str, str] = {}
    problem = ""
    path = database_file(environment)
    if os.path.exists(path):
        from axio_tui.config.stored import stored_settings

        stored, problem = stored_settings(path, os.getcwd())
    config = resolve(
        flags=flags, environment=environment, projects=projects, user=user, database=stored
    )
    if problem:
        config.problems.append(Problem(problem))
    return config


def configure(
    args: argparse.Namespace, say: Callable[[str], None], projects: Sequence[ConfigFile] = ()
) -> Config:
    """Fill in each option that was not given, and say what is wrong. All of it is `args.config`.

    `WrongUse` where it is wrong what tools may do: then nothing may run.
    """
    options = {one.name: one for one in SETTINGS if hasattr(args, one.name)}
    flags = {name: getattr(args, name) for name in options}
    config = load_config(flags, projects=projects)
    args.config = config
    for problem in config.problems:
        if problem.limits:
            raise WrongUse(problem.text)
        say(problem.text)
    for name in options:
        value = config[name]
        setattr(args, name, ",".join(value) if isinstance(value, tuple) else value)
    return config
