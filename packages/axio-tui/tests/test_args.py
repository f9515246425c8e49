"""The command line."""

from __future__ import annotations

import pytest

from axio import plugins
from axio_tui import plugin
from axio_tui.args import build_parser


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", "²", "", " "])
def test_a_limit_that_is_no_positive_number_is_wrong_use(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        build_parser().parse_args(["run", f"--max-iterations={number}", "hi"])
    assert exit.value.code == 2 and "--max-iterations" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args", [["--log-level", "debug", "run", "hi"], ["run", "hi", "--log-level", "debug"]]
)
def test_options_for_logging_may_stand_before_and_after_the_command(args: list[str]) -> None:
    parsed = build_parser().parse_args(args)
    assert (parsed.log_level, parsed.log_file, parsed.prompt) == ("debug", None, "hi")


def test_a_prompt_without_run_is_told_how_it_is_asked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        build_parser().parse_args(["fix the bug"])
    assert exit.value.code == 2
    assert "for a prompt: axio run PROMPT" in capsys.readouterr().err


def test_what_is_not_said_is_left_to_the_command() -> None:
    parsed = build_parser().parse_args(["run"])
    assert (parsed.prompt, parsed.transport, parsed.model, parsed.tools) == (None,) * 4
    assert parsed.format == "text"
    assert not (parsed.yes or parsed.debug or parsed.continue_ or parsed.no_save)
    assert (parsed.max_iterations, parsed.mode, parsed.sandbox) == (None,) * 3  # as configured


def test_discovery_is_there_under_its_old_name() -> None:
    for name in plugin.__all__:
        assert getattr(plugin, name) is getattr(plugins, name)
    assert {name for name in plugins.__all__ if name.startswith("discover_")} <= set(plugin.__all__)
