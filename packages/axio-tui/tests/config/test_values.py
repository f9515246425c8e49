"""Which value holds: of flag, environment, project, user, database and default the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio_tui.config.file import ConfigFile, parse_config
from axio_tui.config.settings import SETTINGS, find_setting, path_of, variable_of
from axio_tui.config.values import Config, resolve


def file(text: str, name: str = "config.toml") -> ConfigFile:
    return parse_config(ConfigFile(Path(name), data=text.encode()))


def told(config: Config) -> list[str]:
    return [problem.text for problem in config.problems]


@given(st.sets(st.sampled_from(["flag", "environment", "project", "user", "database"])))
def test_the_first_place_that_says_something_wins(places: set[str]) -> None:
    config = resolve(
        flags={"max_iterations": 11 if "flag" in places else None},
        environment={"AXIO_MAX_ITERATIONS": "12"} if "environment" in places else {},
        projects=[file("max_iterations = 13")] if "project" in places else [],
        user=file("\nmax_iterations = 14") if "user" in places else None,
        database={"max_iterations": "15"} if "database" in places else {},
    )
    order = ["flag", "environment", "project", "user", "database", "default"]
    winner = next(place for place in order if place in places or place == "default")
    expected = dict(zip(order, (11, 12, 13, 14, 15, 50), strict=True))[winner]
    found = config.values["max_iterations"]
    assert (found.value, found.source) == (expected, winner)
    assert not config.problems
    if winner == "user":
        assert found.where == "config.toml:2"


def test_a_setting_has_a_variable_of_its_name() -> None:
    assert variable_of("retention.logs") == "AXIO_RETENTION_LOGS"
    variables = [variable_of(setting.name) for setting in SETTINGS]
    assert len(set(variables)) == len(variables)
    config = resolve(flags={}, environment={"AXIO_RETENTION_LOGS": "7", "AXIO_MOUSE": "off"})
    assert config["retention.logs"] == 7 and config["mouse"] is False


def test_every_default_is_a_value_that_may_be_set() -> None:
    for setting in SETTINGS:
        if setting.default is not None:
            assert setting.checked(setting.default) == setting.default


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\nmodell = 'x'", "config.toml:2: there is no setting 'modell'; model is meant?"),
        ("mouse = 1", "config.toml:1: mouse is true or false, not 1"),
        ("[retention]\nlogs = -1", "config.toml:2: retention.logs is a whole number of 0 or more"),
        ("[retention]\nlogs = true", "config.toml:2: retention.logs is a whole number"),
        ("[x]\n\ny = 1", "config.toml:3: there is no setting 'x.y'"),
        ("ui = 'window'", "config.toml:1: ui is one of full, plain, not 'window'"),
        ("api_key = 'sk-123'", "config.toml:1: api_key: keys are not kept here"),
        ("[transports.openai]\napi_key = 'sk-123'", "config.toml:2: transports.openai.api_key: k"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_the_rest_holds(text: str, line: str) -> None:
    user = file(text)
    user.entries |= file("exit_print = 'all'").entries
    config = resolve(flags={}, environment={}, user=user)
    (words,) = told(config)
    assert words.startswith(line) and "sk-123" not in words
    assert not config.problems[0].limits
    assert config["exit_print"] == "all" and config["mouse"] is True


@pytest.mark.parametrize("text", ["0", "-1", "nan", "inf", "1" * 500, "true", "'1'", "1_000"])
def test_an_amount_is_a_number_above_nothing(text: str) -> None:
    config = resolve(flags={}, environment={}, user=file(f"max_cost = {text}"))
    assert config["max_cost"] == (1000.0 if text == "1_000" else None)
    config = resolve(flags={}, environment={"AXIO_MAX_COST": text})
    assert config["max_cost"] is None
    assert resolve(flags={}, environment={"AXIO_MAX_COST": "1.5"})["max_cost"] == 1.5


@pytest.mark.parametrize("text", ["mode = 'paln'", "tools = 1", "sandbox = true", "guards = [1]"])
def test_a_wrong_value_for_what_tools_may_do_is_no_smaller_matter(text: str) -> None:
    (problem,) = resolve(flags={}, environment={}, user=file(text)).problems
    assert problem.limits
    (problem,) = resolve(flags={}, environment={"AXIO_MODE": "paln"}).problems
    assert problem.limits and problem.text.startswith("AXIO_MODE in the environment: mode is one")


def test_names_may_be_a_list_or_a_text() -> None:
    for text in ("tools = ['a', 'b']", "tools = 'a, b,a'"):
        assert resolve(flags={}, environment={}, user=file(text))["tools"] == ("a", "b")
    assert resolve(flags={}, environment={}, user=file("tools = []"))["tools"] == ()


def test_tables_may_have_names_of_their_own() -> None:
    config = resolve(
        flags={},
        environment={},
        user=file("[keys]\nsteer = 'ctrl+t'\n[transports.'llama.cpp']\nbase_url = 'http://x/v1'"),
    )
    assert config.below("keys")["steer"] == ("ctrl+t",)
    assert config["transports.llama.cpp.base_url"] == "http://x/v1"
    assert path_of("transports.llama.cpp.base_url") == ("transports", "llama.cpp", "base_url")
    assert path_of("keys.steer") == ("keys", "steer") and path_of("mode") == ("mode",)
    assert find_setting("transports.*.base_url") is None and find_setting("keys.") is None


# ── what a folder may set ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("mine", "of_folder", "expected"),
    [
        ("", "mode = 'plan'", "plan"),
        ("mode = 'accept-edits'", "mode = 'ask'", "ask"),
        ("mode = 'plan'", "mode = 'ask'", "plan"),
        ("", "mode = 'accept-edits'", "ask"),
        ("", "mode = 'auto'", "ask"),
        ("mode = 'accept-edits'", "mode = 'auto'", "accept-edits"),
        ("", "sandbox = 'read-only'", "read-only"),
        ("sandbox = 'read-only'", "sandbox = 'none'", "read-only"),
        ("", "sandbox = 'docker:evil'", "none"),
        ("sandbox = 'docker'", "sandbox = 'workspace-write'", "docker"),
        ("tools = 'a,b'", "tools = 'b'", ("b",)),
        ("tools = 'a'", "tools = 'b'", ("a",)),
        ("tools = 'a'", "tools = 'none'", ("none",)),
        ("tools = 'none'", "tools = 'a'", ("none",)),
        ("tools = []", "tools = 'a'", ()),
        ("", "tools = 'b'", ("b",)),
        ("guards = 'mine'", "guards = 'none'", ("mine",)),
        ("", "transport = 'openai-custom'", None),
        ("max_iterations = 5", "max_iterations = 500", 5),
        ("", "max_cost = 0.5", 0.5),
        ("max_cost = 1", "max_cost = 2", 1.0),
        ("time_limit = 10.5", "time_limit = 5", 5.0),
        ("", "system = 'Obey.'", None),
        ("", "log_file = '/etc/x'", None),
    ],
)
def test_a_folder_may_only_allow_less(mine: str, of_folder: str, expected: Any) -> None:
    project = file(of_folder, ".axio/config.toml")
    config = resolve(flags={}, environment={}, user=file(mine), projects=[project])
    (name,) = project.entries
    held = config[name]
    assert held == expected
    refused = held != project.entries[name].value
    assert len(config.problems) == refused
    if refused:
        assert told(config)[0].startswith(f".axio/config.toml:1: {name} ")


def test_a_folder_sets_no_address_and_no_key() -> None:
    text = (
        "[transports.openai]\nbase_url = 'http://evil.example'\napi_key = 'k'\n[keys]\nsteer = 'f9'"
    )
    config = resolve(flags={}, environment={}, projects=[file(text, "p.toml")])
    assert config.below("transports") == {} and config["keys.steer"] == ("ctrl+s",)
    assert len(config.problems) == 3


@given(
    st.sampled_from(["none", "workspace-write", "read-only", "docker", "docker:x"]),
    st.sampled_from(["none", "workspace-write", "read-only", "docker", "docker:y"]),
)
def test_no_folder_leaves_a_sandbox(mine: str, theirs: str) -> None:
    config = resolve(
        flags={},
        environment={},
        user=file(f"sandbox = '{mine}'"),
        projects=[file(f"sandbox = '{theirs}'")],
    )
    order = ["none", "workspace-write", "read-only"]
    if config["sandbox"] != mine:
        assert order.index(config["sandbox"]) > order.index(mine)


# ── a model and its transport ─────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("flags", "user", "database", "model"),
    [
        ({}, "model = 'm'", {}, "m"),
        ({"transport": "t"}, "model = 'm'", {}, None),
        ({"transport": "t"}, "transport = 't'\nmodel = 'm'", {}, "m"),
        ({"transport": "u"}, "transport = 't'\nmodel = 'm'", {}, None),
        ({"transport": "u", "model": "n"}, "transport = 't'\nmodel = 'm'", {}, "n"),
        ({}, "transport = 't'", {"transport": "u", "model": "m"}, None),
        ({}, "", {"transport": "u", "model": "m"}, "m"),
        ({}, "model = 'n'", {"transport": "u", "model": "m"}, "n"),
    ],
)
def test_a_model_is_not_asked_of_another_transport(
    flags: dict[str, Any], user: str, database: dict[str, str], model: str | None
) -> None:
    config = resolve(flags=flags, environment={}, user=file(user), database=database)
    assert config["model"] == model


# ── files that cannot be read ─────────────────────────────────────────────────────────────────

LIMITS = [setting for setting in SETTINGS if setting.limits]


@pytest.mark.parametrize("name", [setting.name for setting in LIMITS])
def test_a_file_that_cannot_be_read_and_may_limit_is_as_strict_as_can_be(name: str) -> None:
    for text in (f"{name} = 1\nsystem = ", f"system = \n{name} = 1", f'"{name}" = x'):
        broken = file(text)
        config = resolve(flags={}, environment={"AXIO_MODE": ""}, user=broken)
        assert (config["mode"], config.values["mode"].where) == ("plan", "config.toml")
        assert not any(problem.limits for problem in config.problems)
        assert "the mode is plan unless" in config.problems[0].text
        assert resolve(flags={}, environment={}, projects=[broken])["mode"] == "plan"
        for flags, variables in (({"mode": "auto"}, {}), ({}, {"AXIO_MODE": "auto"})):
            assert resolve(flags=flags, environment=variables, user=broken)["mode"] == "auto"


def test_a_file_that_cannot_be_read_and_limits_nothing_leaves_the_mode() -> None:
    found = resolve(flags={}, environment={}, user=file("system = 'x'\nmodel = 'a planet\n"))
    assert found["mode"] == "ask" and "mode" not in found.problems[0].text


def test_a_name_that_is_written_with_escapes_may_limit_too() -> None:
    found = resolve(flags={}, environment={}, user=file('"m\\u006fde" = "plan"\nsystem = \n'))
    assert found["mode"] == "plan"


# ── files that mean harm ──────────────────────────────────────────────────────────────────────


def test_a_key_of_endlessly_many_names_is_not_read() -> None:
    for line in ("a." * 120_000 + "a = 1", "[" + "a." * 120_000 + "a]"):
        found = file(f"mode = 'plan'\n{line}\n")
        assert found.broken == "config.toml:2: a key of too many names"


def test_of_very_much_that_is_wrong_only_the_first_is_named() -> None:
    found = file("".join(f"a{number} = 1\n" for number in range(20_000)))
    assert len(found.problems) == 21
    assert found.problems[-1].text == "config.toml: more is wrong than this"


@pytest.mark.parametrize("text", ["x = " + "[" * 50_000, "x = " + "{a = " * 9_000, "x = '''" + "x"])
def test_nesting_without_end_is_a_broken_file(text: str) -> None:
    assert file(text).broken.startswith("config.toml")


def test_many_keys_are_read_in_time() -> None:
    text = "[transports]\n" + "".join(f"k{n}.base_url = 'x'\n" for n in range(12_000))
    found = file(text)
    assert len(found.entries) == 12_000 and found.entries[
        "transports.k11999.base_url"
    ].where.endswith(":12001")


# ── what is wrong, but does not hold ──────────────────────────────────────────────────────────


def test_a_wrong_value_that_a_higher_source_replaces_keeps_nothing_from_running() -> None:
    wrong = file("mode = 'paln'")
    for config in (
        resolve(flags={"mode": "plan"}, environment={}, user=wrong),
        resolve(flags={}, environment={"AXIO_MODE": "plan"}, user=wrong),
        resolve(flags={}, environment={}, user=file("mode = 'plan'"), database={"mode": "paln"}),
    ):
        assert config["mode"] == "plan"
        assert [problem.limits for problem in config.problems] == [False]
    config = resolve(flags={}, environment={"AXIO_MODE": "x"}, user=file("mode = 'plan'"))
    assert [problem.limits for problem in config.problems] == [True]
