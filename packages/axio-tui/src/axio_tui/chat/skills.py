"""Skills: instructions for one kind of task, which the model reads when it needs them, and a person
calls by name (agentskills.io). `.agents/skills/NAME/SKILL.md` in a project or in the home folder.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from axio_tui.chat.trust import SKILLS, read_inside
from axio_tui.config.paths import home_folder
from axio_tui.config.reading import read_at_most
from axio_tui.harmless import one_line, plain

if TYPE_CHECKING:
    from axio_tui.chat.commands import Host, Outcome, SlashCommand

__all__ = ("Skill", "Skills", "find_skills", "parse_skill", "skill_commands", "skill_prompt")

_FILE = "SKILL.md"
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LONGEST_NAME, _LONGEST_DESCRIPTION = 64, 1024
_LARGEST = 256 << 10
_MOST = 1000  # folders that are looked at
_LISTED = 16 << 10  # characters of the list in the system prompt


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill as its file has it; `path` is that file."""

    name: str
    description: str
    body: str
    path: Path


@dataclass(slots=True)
class Skills:
    """Skills by name, and one line for each that cannot be used."""

    by_name: dict[str, Skill] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The part of the system prompt that tells the model of them; empty without any."""
        if not self.by_name:
            return ""
        lines = [
            "",
            "# Skills",
            "",
            "Before a task that one of these is for, read its file and follow it. Paths in it are "
            "relative to its folder.",
            "",
        ]
        left = _LISTED
        for number, skill in enumerate(self.by_name.values()):
            line = f"- {skill.name} ({skill.path}): {skill.description}"
            left -= len(line)
            if left < 0:
                lines.append(f"- and {len(self.by_name) - number} more, which the person may call")
                break
            lines.append(line)
        return "\n".join(lines) + "\n"


# ── one skill, pure ───────────────────────────────────────────────────────────────────────────


def parse_skill(text: str, path: Path) -> Skill:
    """The skill in the text of a file. `ValueError` says what it lacks."""
    lines = text.replace("\r\n", "\n").split("\n")
    ends = [number for number, line in enumerate(lines) if line.rstrip() == "---"]
    if len(ends) < 2 or ends[0] != 0:
        raise ValueError("it does not begin with a block between two lines ---")
    said = _front_matter(lines[1 : ends[1]])
    name, description = said.get("name", ""), one_line(said.get("description", ""), 4096)
    if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise ValueError(f"its name {name[:80]!r} is not made of small letters, digits and hyphens")
    if name != path.parent.name:
        raise ValueError(f"its name {name!r} is not that of its folder")
    if not description or len(description) > _LONGEST_DESCRIPTION:
        raise ValueError(f"its description has not 1 to {_LONGEST_DESCRIPTION:,} characters")
    return Skill(name, description, plain("\n".join(lines[ends[1] + 1 :])).strip(), path)


def _front_matter(lines: list[str]) -> dict[str, str]:
    """The texts at the top level of a YAML mapping, as skills have them: on one line, quoted or
    not, or on indented lines below."""
    found: dict[str, str] = {}
    key, pieces = "", list[str]()
    for line in [*lines, "end:"]:
        begin = re.match(r"([A-Za-z][\w-]*)\s*:(?:\s+(.*))?$", line)
        if begin is not None:
            if key:
                found.setdefault(key, _scalar(pieces))
            key, pieces = begin[1], [(begin[2] or "").strip()]
        elif line.startswith((" ", "\t")) or not line.strip():
            pieces.append(line.strip())
    return found


def _scalar(pieces: list[str]) -> str:
    first = pieces[0]
    if re.fullmatch(r"[|>][+-]?\d*(?:\s+#.*)?", first):
        return " ".join(pieces[1:]).strip()
    text = " ".join(piece for piece in pieces if piece)
    if quoted := re.fullmatch(r"'((?:[^']|'')*)'(?:\s+#.*)?", text):
        return quoted[1].replace("''", "'")
    if quoted := re.fullmatch(r'("(?:[^"\\]|\\.)*")(?:\s+#.*)?', text):
        try:
            return str(json.loads(quoted[1]))
        except ValueError:
            return quoted[1][1:-1]
    comment = re.search(r"(?:^|\s)#", text)
    return text if comment is None else text[: comment.start()].rstrip()


def skill_prompt(skill: Skill, arguments: str = "") -> str:
    """The prompt of a person who calls a skill by name."""
    said = f"\n\nThe task: {arguments.strip()}" if arguments.strip() else ""
    return (
        f"Follow the skill {skill.name} (paths in it are relative to {skill.path.parent}):\n\n"
        f"{skill.body}{said}"
    )


def skill_commands(
    skills: Mapping[str, Skill], taken: Collection[str] = ()
) -> dict[str, SlashCommand]:
    """A command for each skill whose name is not `taken` by another."""
    from axio_tui.chat.commands import Send, SlashCommand  # A single prompt calls none.

    def command(skill: Skill) -> SlashCommand:
        async def call(host: Host, arguments: str) -> Outcome:
            return Send(skill_prompt(skill, arguments))

        return SlashCommand(skill.name, "[TASK]", one_line(skill.description, 120), call)

    return {name: command(skill) for name, skill in skills.items() if name not in taken}


# ── all that there are ────────────────────────────────────────────────────────────────────────


def find_skills(folders: Iterable[Path], home: Path | None = None) -> Skills:
    """The skills of the home folder and of trusted, resolved folders, the root of the project
    first. Of two with one name that of the nearer folder is used, which is said."""
    found = Skills()
    home = home_folder() if home is None else home
    for path in _files(home):
        _add(found, path, None)
    for folder in folders:
        if folder != home.resolve():
            for path in _files(folder):
                _add(found, path, folder)
    return found


def _files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder / SKILLS) as found:
            names = sorted(entry.name for entry in islice(found, _MOST))
    except OSError:
        return []
    paths = [folder / SKILLS / name / _FILE for name in names if not name.startswith(".")]
    return [path for path in paths if os.path.lexists(path)]


def _add(found: Skills, path: Path, within: Path | None) -> None:
    try:
        if within is None:  # a person may have put their own anywhere
            data, size = read_at_most(path, _LARGEST)
        else:
            data, size = read_inside(within, str(path.relative_to(within)), _LARGEST)
        if size > _LARGEST:
            raise ValueError(f"it is larger than {_LARGEST >> 10} KiB")
        skill = parse_skill(data.decode("utf-8-sig"), path)
    except OSError as error:
        found.problems.append(f"the skill {path} is left out: {error.strerror}")
    except UnicodeDecodeError:
        found.problems.append(f"the skill {path} is left out: it is not UTF-8")
    except ValueError as error:
        found.problems.append(f"the skill {path} is left out: {error}")
    else:
        other = found.by_name.pop(skill.name, None)
        if other is not None:
            words = f"the skill {skill.name} is that in {path}, not that in {other.path}"
            found.problems.append(words)
        found.by_name[skill.name] = skill
