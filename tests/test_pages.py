"""The pages keep their word: what they say about installing works, their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.installing import empty_environment, run, third_parties
from support.parts import requires
from support.workspace import PACKAGES, ROOT, Package, files

PAGES = [file for file in files() if file.suffix == ".md"]
INSTALLS = [
    pytest.param(page, block, id=page.relative_to(ROOT).as_posix())
    for page in PAGES
    for block in re.findall(r"```sh\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    if "pip install ./packages" in block
]


def links_of(page: Path) -> list[str]:
    """Where a page's links lead, without those in code and those to other sites."""
    prose = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text("utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", prose)
    return [target for target in targets if not target.startswith(("http://", "https://"))]


@pytest.fixture(scope="module")
def others(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return third_parties(tmp_path_factory.mktemp("installed") / "others")


@pytest.mark.parametrize(("page", "block"), INSTALLS)
@pytest.mark.timeout(180)
def test_what_a_page_says_about_installing_works_in_an_empty_environment(
    page: Path, block: str, others: Path, tmp_path: Path
) -> None:
    """Dependencies count as installed: there is no index here to take them from."""
    if "axio run" in block:
        requires("weights")
    programs = empty_environment(tmp_path / "venv")
    done = run(f"set -e\n{block}", programs, ROOT, others)
    assert done.returncode == 0, done.stdout + done.stderr
    if "~/axio" in block:
        programs = programs.parent / "axio" / "bin"  # the environment that the page makes
    named = set(re.findall(r"\./packages/([a-z-]+)", block)) or {p.name for p in PACKAGES}
    modules = ", ".join(sorted(name.replace("-", "_") for name in named))
    used = run(["python", "-c", f"import {modules}"], programs, ROOT, others)
    assert used.returncode == 0, used.stderr
    if "axio run" in block:
        assert_shows(page, done.stdout + done.stderr)


def assert_shows(page: Path, output: str) -> None:
    """Compare an output with the page's first transcript: `...` and numbers stand for any."""
    transcript, *_ = re.findall(r"```text\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    for line in transcript.splitlines():
        escaped = re.escape(line).replace(r"\.\.\.", ".*")
        pattern = re.sub(r"(?<!\d)[\d,]+(\\\.\d+)?", r"[\\d,.]+", escaped)
        assert re.search(pattern, output), f"{line}\n--- was shown:\n{output}"


def test_every_package_says_how_to_install_it() -> None:
    pages = {page for page, *_ in (case.values for case in INSTALLS)}
    assert {package.folder / "README.md" for package in PACKAGES} <= pages
    assert {ROOT / "README.md", ROOT / "docs" / "quick-start.md"} <= pages


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_page_installs_a_package_of_ours_from_an_index(page: Path) -> None:
    """Until there is a release; an index may have other code under these names."""
    blocks = re.findall(r"```.*?```", page.read_text("utf-8"), re.DOTALL)
    lines = [line for line in "\n".join(blocks).splitlines() if "pip install" in line]
    assert [line for line in lines if re.search(r"[\s'\"]axio\b", line)] == []


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.name)
def test_the_page_of_a_package_stands_alone(package: Package) -> None:
    assert links_of(package.folder / "README.md") == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_link_leads_to_a_file_and_to_a_heading_that_is_there(page: Path) -> None:
    for link in links_of(page):
        name, _, heading = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{link} leads nowhere"
        if heading:
            titles = re.findall(r"^#+ (.+)$", target.read_text("utf-8"), re.MULTILINE)
            slugs = {re.sub(r"[^\w\- ]", "", title).lower().replace(" ", "-") for title in titles}
            assert heading in slugs, f"{link}: no such heading"


def test_every_page_of_the_documentation_is_found_from_its_index() -> None:
    index = ROOT / "docs" / "index.md"
    found, to_read = {index}, [index]
    while to_read:
        page = to_read.pop()
        for link in links_of(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target not in found:
                found.add(target)
                to_read.append(target)
    assert [page for page in PAGES if "docs" in page.parts and page not in found] == []


SOURCES = {
    path.relative_to(package.source.parent).as_posix(): path
    for package in PACKAGES
    for path in package.source.rglob("*.py")
}
MAPS = [ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs" / "concepts").glob("*.md"))]


@pytest.mark.parametrize("page", MAPS, ids=lambda page: page.stem)
def test_a_file_that_a_map_names_is_there(page: Path) -> None:
    named = re.findall(r"`([\w./-]+\.(?:py|toml))`", page.read_text("utf-8"))
    known = {path.split("/", depth)[-1] for path in SOURCES for depth in range(path.count("/") + 1)}
    missing = [name for name in named if name not in known and not (ROOT / name).is_file()]
    assert missing == []


def walks() -> dict[str, list[tuple[int, str, str]]]:
    """By its title the steps of each walk: number, file, and what is said of it."""
    page = (ROOT / "docs" / "concepts" / "walks.md").read_text("utf-8")
    step = re.compile(r"^(\d+)\. `(\S+?)`: (.*?)(?=^\d+\. |^\S|\Z)", re.MULTILINE | re.DOTALL)
    sections = re.split(r"^## ", page, flags=re.MULTILINE)[1:]
    return {
        section.partition("\n")[0]: [
            (int(n), file, text) for n, file, text in step.findall(section)
        ]
        for section in sections
    }


@pytest.mark.parametrize("title", walks())
def test_a_walk_has_ten_steps_at_most_and_finds_what_it_names(title: str) -> None:
    steps = walks()[title]
    assert [number for number, *_ in steps] == list(range(1, len(steps) + 1))
    assert 5 <= len(steps) <= 10
    sources = "".join(SOURCES[file].read_text("utf-8") for _, file, _ in steps)
    for _, _, text in steps:
        for name in re.findall(r"`([A-Za-z_.]+)(?:\([^`]*\))?`", text):
            for part in name.split("."):
                assert re.search(rf"\b{part}\b", sources), f"{name} is in none of the files"
