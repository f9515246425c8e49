"""The tests' own Docker engine has what the tests of containers rely on."""

from __future__ import annotations

import pytest

from support.docker import Engine
from support.image import GNU_IMAGE, SMALL_IMAGE


@pytest.mark.parametrize("image", [SMALL_IMAGE, GNU_IMAGE])
def test_a_container_runs_in_an_image_that_was_made_here(docker_engine: Engine, image: str) -> None:
    told = docker_engine.cli(
        "run", "--rm", "--network=none", image, "/bin/sh", "-c", "stat -c %F /"
    )
    assert told == "directory"


def test_an_image_has_the_standard_library_of_python(docker_engine: Engine) -> None:
    program = "import asyncio, ctypes, json, ssl, tarfile; print(json.dumps([1]))"
    command = ("run", "--rm", "--network=none", GNU_IMAGE, "python3", "-c", program)
    assert docker_engine.cli(*command) == "[1]"
