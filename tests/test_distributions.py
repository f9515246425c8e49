"""Wheels and sdists hold what they must carry by themselves, and work in an empty environment."""

from __future__ import annotations

import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest

from support.installing import build, empty_environment, run, third_parties
from support.workspace import PACKAGES, ROOT, Package, files

every_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a folder for each package, which holds its wheel and its sdist."""
    folder = tmp_path_factory.mktemp("dist")
    for package in PACKAGES:
        build(package.folder, folder / package.name)
    return folder


def wheel_of(folder: Path) -> dict[str, bytes]:
    (file,) = folder.glob("*.whl")
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sources(package: Package) -> dict[str, bytes]:
    """The files that belong to a package's source, by their place in the wheel."""
    parent = package.source.parent
    found = [file for file in files() if file.is_relative_to(package.source)]
    return {file.relative_to(parent).as_posix(): file.read_bytes() for file in found}


def metadata_of(wheel: dict[str, bytes]) -> Message:
    (text,) = (content for name, content in wheel.items() if name.endswith("/METADATA"))
    return Parser().parsestr(text.decode("utf-8"))


@every_package
def test_a_wheel_holds_the_source_its_types_and_the_licence(package: Package, dist: Path) -> None:
    wheel = wheel_of(dist / package.name)
    expected = sources(package)
    info = {name for name in wheel if ".dist-info/" in name}
    assert {name: wheel[name] for name in wheel.keys() - info} == expected
    assert f"{package.source.name}/py.typed" in expected
    (licence,) = (name for name in info if name.endswith("/licenses/LICENSE"))
    assert wheel[licence] == (ROOT / "LICENSE").read_bytes()


@every_package
def test_a_wheel_says_who_made_it_under_which_licence(package: Package, dist: Path) -> None:
    metadata = metadata_of(wheel_of(dist / package.name))
    assert metadata["Name"] == package.name
    assert metadata["Version"] == package.version
    assert metadata["License-Expression"] == "MIT"
    assert metadata["License-File"] == "LICENSE"
    assert metadata["Author"] == "The axio authors"
    assert metadata["Requires-Python"] == ">=3.11"
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    readme = (package.folder / "README.md").read_text("utf-8")
    assert str(metadata.get_payload()).strip() == readme.strip()


@every_package
def test_an_sdist_builds_the_same_wheel(package: Package, dist: Path, tmp_path: Path) -> None:
    (file,) = (dist / package.name).glob("*.tar.gz")
    with tarfile.open(file) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    names = {path.name for path in unpacked.iterdir()} - {".gitignore"}
    assert names == {"LICENSE", "PKG-INFO", "README.md", "pyproject.toml", "src"}
    build(unpacked, tmp_path / "again", "wheel")
    assert wheel_of(tmp_path / "again") == wheel_of(dist / package.name)


def test_the_core_works_in_an_empty_environment(dist: Path, tmp_path: Path) -> None:
    programs = empty_environment(tmp_path / "venv")
    (wheel,) = (dist / "axio").glob("*.whl")
    installed = run(["pip", "install", str(wheel)], programs, tmp_path)
    assert installed.returncode == 0, installed.stderr
    program = (
        "import asyncio, axio\n"
        "from axio.testing import StubTransport, make_text_response\n"
        "agent = axio.Agent('', StubTransport([make_text_response('works')]))\n"
        "answer = asyncio.run(agent.run('hi', axio.MemoryContextStore()))\n"
        "print(axio.__version__, answer)\n"
    )
    done = run(["python", "-c", program], programs, tmp_path)
    assert done.stdout.split() == [PACKAGES[0].version, "works"], done.stderr


def test_all_wheels_together_work_in_an_empty_environment(dist: Path, tmp_path: Path) -> None:
    programs = empty_environment(tmp_path / "venv")
    others = third_parties(tmp_path / "others")
    wheels = [str(file) for file in sorted(dist.glob("*/*.whl"))]
    installed = run(["pip", "install", *wheels], programs, tmp_path, others)
    assert installed.returncode == 0, installed.stderr
    names = [package.source.name for package in PACKAGES]
    program = f"import {', '.join(names)}\nprint({', '.join(f'{n}.__version__' for n in names)})"
    done = run(["python", "-c", program], programs, tmp_path, others)
    assert done.stdout.split() == [package.version for package in PACKAGES], done.stderr
    told = run(["axio", "--version"], programs, tmp_path, others)
    assert told.stdout == f"axio {PACKAGES[0].version}\n", told.stderr
