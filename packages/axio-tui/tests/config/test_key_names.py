"""`[keys]`: which key stands for which action, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from axio_tui.app.widgets.prompt_area import PromptArea
from axio_tui.config.file import ConfigFile, parse_config
from axio_tui.config.keys import ACTIONS, TEXT_KEYS, is_always_told, key_of, told_key
from axio_tui.config.values import Config, resolve


def config_of(text: str, **environment: str) -> Config:
    user = parse_config(ConfigFile(Path("config.toml"), data=f"[keys]\n{text}".encode()))
    return resolve(flags={}, environment=environment, user=user)


def problems(text: str) -> list[str]:
    return [problem.text for problem in config_of(text).problems]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Ctrl+T", "ctrl+t"),
        (" alt+Up ", "alt+up"),
        ("PgUp", "pageup"),
        ("shift+ctrl+F5", "ctrl+shift+f5"),
        ("esc", "escape"),
        ("ctrl+i", "tab"),
        ("ctrl+\\", "ctrl+backslash"),
    ],
)
def test_keys_are_written_as_people_write_them(text: str, key: str) -> None:
    assert key_of(text) == key


@pytest.mark.parametrize("text", ["+", "x", "X", "shift+x", "space", "?", "hyper+x", "f99"])
def test_what_is_no_key_or_types_a_character_is_named_with_its_line(text: str) -> None:
    (problem,) = problems(f"steer = {text!r}")
    assert problem.startswith("config.toml:2: keys.steer: ") and repr(text) in problem
    assert config_of(f"steer = {text!r}")["keys.steer"] == ("ctrl+s",)


def test_an_unknown_action_is_named_with_its_line_and_the_rest_holds() -> None:
    config = config_of("quit = 'ctrl+t'\nster = 'f9'")
    (problem,) = config.problems
    assert problem.text.startswith("config.toml:3: there is no setting 'keys.ster'; keys.steer")
    assert config["keys.quit"] == ("ctrl+t",)


def test_a_key_that_is_set_is_taken_from_the_action_that_has_it_else() -> None:
    config = config_of("steer = ['ctrl+o', 'f9']")
    (problem,) = config.problems
    assert problem.text == "config.toml:2: Ctrl+O is for keys.steer, and not for keys.calls"
    assert config["keys.steer"] == ("ctrl+o", "f9") and config["keys.calls"] == ()
    assert problems("steer = 'ctrl+o'\ncalls = 'ctrl+s'") == []
    assert problems("steer = 'ctrl+o'\ncalls = []") == []


def test_two_actions_on_one_key_are_told_and_the_first_has_it() -> None:
    config = config_of("clear = 'f9'\nmouse = ['f9', 'f10']")
    (problem,) = config.problems
    assert problem.text == "config.toml:3: F9 is for keys.clear, and not for keys.mouse"
    assert config["keys.mouse"] == ("f10",)


def test_a_variable_wins_over_the_file() -> None:
    assert config_of("clear = 'f9'", AXIO_KEYS_CLEAR="f10, f11")["keys.clear"] == ("f10", "f11")


def test_keys_of_texts_and_windows_are_left_to_them() -> None:
    for key in ("ctrl+a", "backspace", "up", "enter", "escape", "tab", "f3", "ctrl+f"):
        (problem,) = problems(f"clear = '{key}'")
        assert problem.endswith(f"{told_key(key)} is needed for texts and windows")
    assert problems("send = 'alt+enter'\nnewline = 'enter'") == []
    keys = {key for one in PromptArea.BINDINGS for key in getattr(one, "key", "").split(",")}
    assert {key for key in keys if "super" not in key} == TEXT_KEYS


def test_every_action_may_have_its_own_keys_and_no_two_share_one() -> None:
    text = "\n".join(f"{name} = {list(action.keys)}" for name, action in ACTIONS.items())
    assert problems(text) == [] == config_of("").problems


@given(
    st.dictionaries(
        st.sampled_from(list(ACTIONS)),
        st.lists(
            st.sampled_from(["f9", "f10", "ctrl+t", "ctrl+o", "f1", "alt+x", "end", "enter"]),
            max_size=3,
        ),
    )
)
def test_no_key_ever_has_two_actions_and_each_loss_is_told(given: dict[str, list[str]]) -> None:
    config = config_of("\n".join(f"{name} = {keys}" for name, keys in given.items()))
    held = [key for keys in config.below("keys").values() for key in keys]
    assert len(held) == len(set(held))
    refused = {p.name.removeprefix("keys.") for p in config.problems if p.name}
    for name, action in ACTIONS.items():
        wanted = action.keys if name in refused else given.get(name, action.keys)
        for key in set(wanted) - set(config[f"keys.{name}"]):
            assert any(
                problem.text.endswith(f"and not for keys.{name}")
                and f" {told_key(key)} is for" in problem.text
                for problem in config.problems
            )


def test_keys_that_only_some_terminals_tell_are_known() -> None:
    sent = ["f1", "ctrl+s", "alt+up", "shift+tab", "ctrl+home", "alt+x", "alt+enter", "enter"]
    assert all(map(is_always_told, sent))
    others = ["shift+enter", "ctrl+enter", "ctrl+shift+k", "ctrl+1", "ctrl+alt+x", "ctrl+tab"]
    assert not any(map(is_always_told, others))
