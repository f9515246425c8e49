"""A transport of others that breaks while it is connected."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from axio_tui import steps
from axio_tui.chat.providers import Providers
from axio_tui.choose import Choice
from axio_tui.config.load import load_config
from axio_tui.config.secrets import Secrets
from axio_tui.connect import connect
from axio_tui.errors import CommandError
from axio_tui.parts import Parts
from support.plugs import put

TRANSPORT = """
import asyncio, threading
from axio.exceptions import StreamError
from axio.models import ModelRegistry

gate = threading.Event()

class Transport:
    models = ModelRegistry()
    model = "one"

    async def stream(self, messages, tools, system):
        return
        yield


class Wrong(Transport):
    async def fetch_models(self):
        raise TypeError("models are no list")


class Refused(Transport):
    async def fetch_models(self):
        raise StreamError("the server is full")


class Repeats(Transport):
    def __init__(self, api_key="", region=""):
        raise ValueError(f"the key {api_key} is wrong in {region}")


class Hanging(Transport):
    async def fetch_models(self):
        await asyncio.Event().wait()
"""
GROUPS = {
    "axio.transport": {
        "acme-wrong": "acme_models:Wrong",
        "acme-refused": "acme_models:Refused",
        "acme-hanging": "acme_models:Hanging",
        "acme-repeats": "acme_models:Repeats",
        "acme-slow": "acme_slow:Transport",
    }
}
SLOW = """
import acme_models
acme_models.loop.call_soon_threadsafe(acme_models.gate.set)
assert acme_models.gate.wait(60)
class Transport(acme_models.Transport): ...
"""


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    put(tmp_path / "site", "acme-models", GROUPS, {"acme_models": TRANSPORT, "acme_slow": SLOW})
    yield Parts(lambda words: None)
    for name in ("acme_models", "acme_slow"):
        sys.modules.pop(name, None)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("acme-wrong", "acme-wrong cannot tell its models: TypeError: models are no list"),
        ("acme-refused", "the server is full"),
        ("acme-hanging", "acme-hanging cannot tell its models: it took more than 1 s"),
    ],
)
async def test_a_transport_that_cannot_tell_its_models_is_told(
    parts: Parts, name: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(steps, "LIMIT", 1.0)
    connecting = connect(Choice(name, name, name), None, parts)
    with pytest.raises(CommandError, match=words):
        await asyncio.wait_for(connecting.__aenter__(), 40)


async def test_the_words_of_a_constructor_hold_no_key(parts: Parts) -> None:
    choice = Choice("acme-repeats", "acme-repeats", "repeats")
    kept = {"api_key": "plainword", "region": "norway"}
    with pytest.raises(CommandError, match=r"the key \*\*\* is wrong in norway"):
        await connect(choice, None, parts, kept).__aenter__()


async def test_the_event_loop_goes_on_while_a_transport_is_imported(parts: Parts) -> None:
    import acme_models  # type: ignore[import-not-found]

    acme_models.loop = asyncio.get_running_loop()
    async with connect(Choice("acme-slow", "acme-slow", "slow"), None, parts) as transport:
        assert type(transport).__module__ == "acme_slow"


async def test_the_event_loop_goes_on_while_the_fields_of_a_transport_are_looked_up(
    parts: Parts, tmp_path: Path
) -> None:
    import acme_models

    providers = Providers(
        parts, load_config({}), Secrets({"XDG_CONFIG_HOME": str(tmp_path)}), tmp_path / "db"
    )
    acme_models.loop = asyncio.get_running_loop()
    assert (await providers.form("acme-slow")).fields == []
    assert "acme-slow" not in await providers.with_own()
    assert not await providers.has_screen("acme-slow")
