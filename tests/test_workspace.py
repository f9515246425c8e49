"""Rules for every package of the workspace."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.parts import requires
from support.workspace import PACKAGES, ROOT, Package, files

VERSION = PACKAGES[0].version

every_package = pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)


@every_package
def test_a_package_has_one_version_licence_and_python_with_all_others(package: Package) -> None:
    assert package.project["name"] == package.name
    assert package.version == VERSION
    assert package.project["dynamic"] == ["version"]
    assert package.pyproject["tool"]["hatch"]["version"] == {
        "path": f"src/{package.source.name}/__init__.py"
    }
    assert package.project["license"] == "MIT"
    assert package.project["authors"] == [{"name": "The axio authors"}]
    assert (package.folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()
    assert package.project["requires-python"] == ">=3.11"
    assert package.pyproject["build-system"]["build-backend"] == "hatchling.build"


@every_package
def test_a_package_says_what_it_is_and_is_typed(package: Package) -> None:
    readme = (package.folder / "README.md").read_text("utf-8")
    assert readme.startswith(f"# {package.name}\n")
    assert package.project["description"].endswith(".")
    assert (package.source / "py.typed").is_file()
    assert (package.source / "__init__.py").is_file()
    assert list((package.folder / "tests").rglob("test_*.py"))


@every_package
def test_a_package_asks_for_others_of_the_workspace_in_its_own_series(package: Package) -> None:
    extras = package.project.get("optional-dependencies", {}).values()
    wanted = [*package.project["dependencies"], *(line for extra in extras for line in extra)]
    ours = {line for line in wanted if line.startswith("axio") and "[" not in line}
    assert all(line.endswith(f"~={VERSION}") for line in ours)
    if package.name == "axio":
        assert package.project["dependencies"] == []
    else:
        assert f"axio~={VERSION}" in package.project["dependencies"]


def test_all_brings_every_package_of_the_workspace() -> None:
    project = next(package.project for package in PACKAGES if package.name == "axio-tui")
    extras = project["optional-dependencies"]
    (chosen,) = extras["all"]
    brought = {line for name in Requirement(chosen).extras for line in extras[name]}
    brought |= {*project["dependencies"], f"axio-tui~={VERSION}"}
    ours = {line for line in brought if line.startswith("axio")}
    assert ours == {f"{package.name}~={VERSION}" for package in PACKAGES}
    assert Requirement(chosen).extras == {name for name in extras if name != "all" and extras[name]}


@every_package
def test_a_package_declares_every_distribution_that_it_imports(package: Package) -> None:
    """Only what is imported at the top of a module: the rest is optional and says so itself."""
    providers = metadata.packages_distributions()
    declared = {canonicalize_name(Requirement(r).name) for r in package.project["dependencies"]}
    for requirements in package.project.get("optional-dependencies", {}).values():
        declared |= {canonicalize_name(Requirement(r).name) for r in requirements}
    for file in package.source.rglob("*.py"):
        for name in _top_level_imports(file) - sys.stdlib_module_names - {package.source.name}:
            known = {canonicalize_name(found) for found in providers.get(name, [name])}
            assert known & declared, f"{file.relative_to(ROOT)} imports {name}"


def _top_level_imports(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_uv_and_import_linter_know_every_package() -> None:
    root = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
    assert sorted(root["uv"]["sources"]) == [package.name for package in PACKAGES]
    imported = [package.source.name for package in PACKAGES]
    assert root["importlinter"]["root_packages"] == imported


def test_the_installed_packages_are_those_of_this_tree() -> None:
    for package in PACKAGES:
        assert metadata.version(package.name) == VERSION


def test_constraints_pin_exactly_what_is_installed_and_all_of_it() -> None:
    pins = dict(
        line.split("==")
        for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
        if not line.startswith("#")
    )
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in pins), "names are normalised"
    assert list(pins) == sorted(pins)
    root = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = [Requirement(line) for line in root["dependency-groups"]["dev"]]
    ours = {package.name for package in PACKAGES}
    for package in PACKAGES:  # with all their optional parts, as `make install` installs them
        optional = ",".join(package.project.get("optional-dependencies", {}))
        wanted.append(Requirement(f"{package.name}[{optional}]"))
    seen: set[tuple[str, frozenset[str]]] = set()
    while wanted:
        requirement = wanted.pop()
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        installed = metadata.distribution(name)
        if name not in ours:
            assert pins.get(name) == installed.version, f"{name} {installed.version}"
        needed = [Requirement(line) for line in installed.requires or ()]
        wanted += [requirement for requirement in needed if _applies(requirement, extras)]


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(marker.evaluate({"extra": extra}) for extra in {"", *extras})


# Put together here so that this file does not hold them itself.
REGISTRY_HOSTS = [
    "pypi" + ".org",
    "python" + "hosted.org",
    "registry." + "npmjs",
    "deb." + "debian.org",
]


def test_no_file_names_a_registry_or_a_place_on_one_machine() -> None:
    forbidden = [*REGISTRY_HOSTS, f"{ROOT}/", "/work/" + "main", "/work/" + "shared"]
    home = str(Path.home())
    if home.count("/") > 1:  # a home such as /root is also a usual path in examples
        forbidden.append(home)
    for file in files():
        text = file.read_bytes().decode("utf-8", "replace")
        found = [word for word in forbidden if word in text]
        assert not found, f"{file.relative_to(ROOT)} holds {found}"


def test_only_one_file_counts_the_cancels_of_a_task() -> None:
    counting = re.compile(r"\.(cancelling|uncancel)\(")
    found = {
        path.name
        for package in PACKAGES
        for path in package.source.rglob("*.py")
        if counting.search(path.read_text("utf-8"))
    }
    assert found == {"cancellation.py"}


def test_a_missing_part_skips_for_a_user_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AXIO_STREAMS", "/nowhere/at/all")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="AXIO_STREAMS"):
        requires("streams")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="AXIO_STREAMS"):
        requires("streams")


def test_a_part_that_is_here_is_returned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AXIO_STREAMS", str(tmp_path))
    assert requires("streams") == tmp_path
