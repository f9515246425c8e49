"""A container is a workspace, in every way that it may get its files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from axio_tools_docker import DockerWorkspace
from axio_tools_local.testing import check_workspace
from support.image import GNU_IMAGE, SMALL_IMAGE

pytestmark = pytest.mark.timeout(300)  # each starts more than a hundred commands


@pytest.mark.parametrize(
    ("image", "access"),
    [
        (GNU_IMAGE, "write"),
        pytest.param(GNU_IMAGE, "copy", marks=pytest.mark.heavy),
        (SMALL_IMAGE, None),
    ],
)
async def test_a_container_is_a_workspace(
    contained: Callable[..., DockerWorkspace], folder: Path, image: str, access: str | None
) -> None:
    root = (folder,) if access is not None else ()
    options: dict[str, Any] = {"access": access} if access is not None else {}
    async with contained(*root, image=image, **options) as workspace:
        await check_workspace(workspace)


async def test_a_container_that_may_only_read_changes_nothing(
    contained: Callable[..., DockerWorkspace], folder: Path
) -> None:
    async with contained(folder, access="read") as workspace:
        await check_workspace(workspace, writable=False)
