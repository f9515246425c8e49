"""Transports with saved settings, as plug-ins and pickers use them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from axio.models import Capability, ModelRegistry, ModelSpec
from axio_tui import steps, transport_registry
from axio_tui.sqlite_config import GLOBAL_PROJECT, ProjectConfig
from axio_tui.transport_registry import RoleBinding, TransportRegistry
from support.started import files_with

SEES = frozenset({Capability.text, Capability.vision})
SPECS = [ModelSpec("small", frozenset({Capability.text})), ModelSpec("wide:8b", SEES)]


class Acme:
    on_auth_refresh: Any = None

    def __init__(
        self,
        api_key: str = "",
        model: ModelSpec = SPECS[0],
        models: ModelRegistry | None = None,
        session: object = None,
        base_url: str = "https://acme.test",
        region: str = "",
    ) -> None:
        self.name, self.api_key, self.model, self.session = "Acme", api_key, model, session
        self.base_url, self.region = base_url, region
        self.models = ModelRegistry() if models is None else models
        self.fetched = 0

    async def fetch_models(self) -> None:
        self.fetched += 1
        if self.region == "nowhere":
            raise ConnectionError("no such region")
        self.models = ModelRegistry(SPECS)

    async def stream(self, messages: Any, tools: Any, system: str) -> Any:
        yield


class Fielded(Acme):
    FIELDS = (
        {"name": "pin", "kind": "secret"},
        {"name": "strict", "kind": "bool"},
        {"name": "depth", "kind": "number"},
        {"name": "tags", "kind": "list"},
    )

    def __init__(
        self, pin: str = "", strict: bool = True, depth: int = 0, tags: Any = (), **others: Any
    ) -> None:
        super().__init__(**others)
        self.pin, self.strict, self.depth, self.tags = pin, strict, depth, tags

    @property
    def set_up(self) -> tuple[object, ...]:
        return self.pin, self.strict, self.depth, self.tags


class Repeats(Fielded):
    """Says in its error what it was given."""

    async def fetch_models(self) -> None:
        raise ConnectionError(f"the pin {self.pin} is wrong in {self.region}")


class Exits(Acme):
    def __init__(self, **settings: Any) -> None:
        raise SystemExit(3)


class Hangs(Acme):
    def __init__(self, **settings: Any) -> None:
        time.sleep(60)


class Hub:
    @classmethod
    def load_config(cls, session: object = None) -> list[Acme]:
        mine = Acme(session=session, models=ModelRegistry([ModelSpec("own")]))
        mine.name = "mine"
        return [mine]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr("axio_tui.config.keyring.is_installed", lambda: False)


@pytest.fixture
async def rows(tmp_path: Path) -> AsyncIterator[tuple[ProjectConfig, ProjectConfig]]:
    both = ProjectConfig(tmp_path / "axio.db"), ProjectConfig(tmp_path / "axio.db", GLOBAL_PROJECT)
    yield both
    for one in both:
        await one.close()


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> dict[str, type]:
    kinds: dict[str, type] = {"acme": Acme, "acme-far": Acme}
    monkeypatch.setattr(transport_registry, "discover_transports", lambda: kinds)
    monkeypatch.setattr(transport_registry, "discover_transport_settings", lambda: {"acme": Hub})
    return kinds


Rows = tuple[ProjectConfig, ProjectConfig]


async def opened(rows: Rows, session: object = "session") -> TransportRegistry:
    registry = TransportRegistry()
    await registry.init(session, *rows)
    return registry


@pytest.mark.usefixtures("found")
async def test_saved_settings_reach_the_transport_and_its_copies(rows: Rows) -> None:
    await rows[1].set("transport.acme.api_key", "sk-1")
    await rows[1].set("transport.acme.region", "north")
    await rows[1].set("transport.acme-far.region", "nowhere")
    registry = await opened(rows)
    assert registry.discovered == ["acme", "acme-far"]
    assert registry.available == ["acme", "acme.mine"]
    assert "no such region" in registry.problems["acme-far"]
    first = registry.get_transport("acme")
    assert (first.api_key, first.region, first.session) == ("sk-1", "north", "session")
    made = registry.make_transport("acme", SPECS[1])
    assert made is not first and made.models is first.models and made.model is SPECS[1]
    assert (made.api_key, made.region, made.session) == ("sk-1", "north", "session")
    assert registry.make_transport("acme", "wide:8b").model is SPECS[1]
    with pytest.raises(KeyError, match=r"'acme-far' is not available .*there is: acme, acme.mine"):
        registry.get_transport("acme-far")


@pytest.mark.usefixtures("found")
async def test_models_are_found_by_name_and_by_what_they_can(rows: Rows) -> None:
    registry = await opened(rows)
    assert registry.resolve("acme:wide:8b") == RoleBinding("acme", SPECS[1])
    assert registry.resolve("wide:8b") == RoleBinding("acme", SPECS[1])
    assert registry.resolve("own") == RoleBinding("acme.mine", ModelSpec("own"))
    assert registry.resolve("acme:large") is None and registry.resolve("large") is None
    assert registry.encode("acme", "wide:8b") == "acme:wide:8b"
    assert registry.all_models(Capability.vision) == [("acme", SPECS[1]), ("acme-far", SPECS[1])]
    assert registry.model_counts == {"acme": 2, "acme-far": 2, "acme.mine": 1}
    await registry.reload_models("acme")
    assert registry.get_transport("acme").fetched == 2


@pytest.mark.usefixtures("found")
async def test_settings_that_are_saved_replace_all_before_and_hold_at_once(rows: Rows) -> None:
    await rows[1].set("transport.acme.region", "north")
    await rows[1].set("transport.acme-far.region", "south")
    registry = await opened(rows)
    told: list[str] = []
    registry.on_change = told.append
    before = registry.get_transport("acme")
    await registry.save_settings("acme", {"api_key": "sk-2"})
    now = registry.get_transport("acme")
    assert now is not before and (now.api_key, now.region) == ("sk-2", "")
    assert registry.get_settings("acme") == {"api_key": "sk-2"} and told == ["acme"]
    assert registry.get_settings("acme-far") == {"region": "south"}
    again = await opened(rows)
    assert again.get_transport("acme").api_key == "sk-2"
    assert await rows[1].get("transport.acme.api_key") is None, "a secret is kept with secrets"


@pytest.mark.usefixtures("found")
async def test_renewed_tokens_are_saved(rows: Rows) -> None:
    await rows[1].set("transport.acme.region", "north")
    registry = await opened(rows)
    await registry.make_transport("acme", "small").on_auth_refresh({"api_key": "sk-3"})
    assert registry.get_settings("acme") == {"region": "north", "api_key": "sk-3"}
    assert (await opened(rows)).get_transport("acme").api_key == "sk-3"


async def test_one_that_fails_hangs_or_ends_is_told_and_the_rest_works(
    rows: Rows, found: dict[str, type], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LIMIT", 1.0)
    found |= {"exits": Exits, "hangs": Hangs}
    registry = await opened(rows)
    assert registry.available == ["acme", "acme-far", "acme.mine"]
    assert registry.problems == {
        "exits": "transport 'exits' cannot be made: SystemExit: 3",
        "hangs": "transport 'hangs' cannot be made: it took more than 1 s",
    }


@pytest.mark.usefixtures("found")
async def test_transports_can_be_switched_off_and_brought_by_others(rows: Rows) -> None:
    await rows[0].set("transports.disabled", "acme-far, other")
    registry = await opened(rows)
    assert registry.available == ["acme", "acme.mine"]
    registry.unregister_by_prefix("acme.")
    registry.register_dynamic("acme.other", Acme(models=ModelRegistry([ModelSpec("x")])))
    assert registry.available == ["acme", "acme.other"]
    assert registry.resolve("acme.other:x") == RoleBinding("acme.other", ModelSpec("x"))


@pytest.mark.usefixtures("found")
async def test_without_rows_there_is_nothing_to_read_and_nothing_is_written() -> None:
    registry = TransportRegistry()
    await asyncio.wait_for(registry.init(None), 30)
    await registry.save_settings("acme", {"api_key": "sk-4"})
    assert registry.get_transport("acme").api_key == "sk-4"
    assert "sk-4" not in repr(registry)


async def test_fields_come_as_their_kinds_say_and_a_secret_one_is_kept_apart(
    found: dict[str, type], rows: Rows, tmp_path: Path
) -> None:
    found["acme"] = Fielded
    registry = await opened(rows)
    saved = {"pin": "4321-secret", "strict": "false", "depth": "3", "tags": "a, b", "region": "1"}
    await registry.save_settings("acme", saved)
    for one in (registry, await opened(rows)):
        first, copy = one.get_transport("acme"), one.make_transport("acme", "small")
        for made in (first, copy):
            assert made.set_up == ("4321-secret", False, 3, ["a", "b"])
            assert made.region == "1", "what is no field is a text"
    assert "transport.acme.pin" not in await rows[1].all()
    assert files_with(tmp_path, "4321-secret") == ["secrets.toml"]


async def test_a_secret_that_was_saved_is_not_in_the_words_of_a_problem(
    found: dict[str, type], rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    found["acme"] = Repeats
    registry = await opened(rows)
    await registry.save_settings("acme", {"pin": "plainword", "region": "norway"})
    told = "cannot tell its models: ConnectionError: the pin *** is wrong in norway"
    assert registry.problems["acme"].endswith(told)
    assert told in caplog.text and "plainword" not in caplog.text


async def test_a_field_whose_text_does_not_fit_any_more_is_left_out(
    found: dict[str, type], rows: Rows
) -> None:
    found["acme"] = Fielded
    await rows[1].set("transport.acme.depth", "deep")
    assert (await opened(rows)).get_transport("acme").set_up == ("", True, 0, ())
