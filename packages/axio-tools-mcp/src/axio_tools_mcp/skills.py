"""Skills that a server serves (the extension `io.modelcontextprotocol/skills`, SEP-2640).

A skill is a folder of files with instructions, each of them a resource. What a server lists of a
skill, its head and the digests of all files, is held against every file that is read. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from axio_tools_mcp.frontmatter import frontmatter_of, says_the_same

__all__ = ("EXTENSION", "Skill", "checked", "skill_of")

EXTENSION = "io.modelcontextprotocol/skills"
MOST_FILES = 512
MOST_BYTES = 16 << 20
_MAIN = "/SKILL.md"


@dataclass(frozen=True, slots=True)
class Skill:
    """The entry of a skill: `uri` is that of its SKILL.md, and `files` are all of its files with
    their digests and sizes. All of it is a stranger's word."""

    uri: str
    head: dict[str, Any]
    files: dict[str, tuple[str, int]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return str(self.head["name"])

    @property
    def description(self) -> str:
        return str(self.head["description"])

    @property
    def folder(self) -> str:
        return self.uri.removesuffix(_MAIN)

    def address(self, file: str) -> str:
        """The address of a file: its path in the folder, or already an address.

        Raises `ValueError` for one that is not of this skill.
        """
        uri = self.uri if not file else file if "://" in file else f"{self.folder}/{file}"
        if uri not in self.files:
            raise ValueError(f"it has no file {file!r}; there is: {', '.join(self.paths)}")
        return uri

    @property
    def paths(self) -> list[str]:
        """The files, by their paths in the folder."""
        return [uri.removeprefix(f"{self.folder}/") for uri in self.files]


def skill_of(entry: Mapping[str, Any]) -> Skill:
    """The skill that an entry describes. Raises `ValueError` for what may not be loaded."""
    uri, head, files = entry.get("uri"), entry.get("frontmatter"), entry.get("resources")
    if not isinstance(uri, str) or not uri.endswith(_MAIN) or not isinstance(head, dict):
        raise ValueError("it is not described by the address of a SKILL.md and its head")
    name, words = head.get("name"), head.get("description")
    if not isinstance(name, str) or not isinstance(words, str) or not words:
        raise ValueError(f"{uri}: it has no name or no description")
    if uri.removesuffix(_MAIN).rpartition("/")[2] != name:
        raise ValueError(f"{uri}: its folder is not named {name!r}, as it is")
    if files == "dynamic":
        raise ValueError(f"{uri}: its files have no digests, so they cannot be checked")
    skill = Skill(uri, head)
    for file in files if isinstance(files, list) else ():
        match file:
            case {"uri": str(at), "digest": str(digest), "size": int(size)} if at.startswith(
                f"{skill.folder}/"
            ):
                skill.files[at] = digest, size
            case _:
                raise ValueError(f"{uri}: one of its files is not described as it has to be")
    if uri not in skill.files:
        raise ValueError(f"{uri}: its files are not listed")
    if len(skill.files) > MOST_FILES or sum(n for _, n in skill.files.values()) > MOST_BYTES:
        raise ValueError(f"{uri}: it is larger than {MOST_FILES} files or {MOST_BYTES >> 20} MiB")
    return skill


def checked(skill: Skill, uri: str, content: bytes) -> bytes:
    """The content of a file, if it is what the entry says. Raises `ValueError`."""
    digest, size = skill.files[uri]
    if len(content) != size or digest != f"sha256:{sha256(content).hexdigest()}":
        raise ValueError(
            f"{uri} is not the file that is listed; it may have changed: list it again"
        )
    if uri == skill.uri:
        head = frontmatter_of(content.decode("utf-8"))
        if not says_the_same(dict(head), skill.head):
            raise ValueError(f"{uri} says of itself something else than is listed")
    return content
