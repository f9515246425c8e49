"""Skills in the full screen."""

from __future__ import annotations

from pathlib import Path

from axio_tui.chat.skills import parse_skill, skill_commands
from support.screen import Puppet, app_over, until

SKILL = "---\nname: tidy-up\ndescription: Sorts the shelf.\n---\nSort by size.\n"


async def test_a_slash_and_its_name_call_a_skill(tmp_path: Path) -> None:
    puppet = Puppet()
    app = app_over(puppet, tmp_path)
    async with app.run_test() as pilot:
        await until(pilot, app.ready.is_set)
        skill = parse_skill(SKILL, Path("/p/tidy-up/SKILL.md"))
        app.host.add(skill_commands({"tidy-up": skill}, taken=app.host.commands))
        await pilot.press("slash", *"tidy", "minus", *"up", "space", *"all", "enter")
        await until(pilot, lambda: puppet.requests)
        told = puppet.requests[0][-1].text
        assert told.endswith("Sort by size.\n\nThe task: all")
        puppet.answer("Done.")
        await until(pilot, lambda: not app.runs.is_busy)
