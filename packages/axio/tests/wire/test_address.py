"""The address of a server: what may be said of it, and when nothing is asked there."""

from __future__ import annotations

import aiohttp
import pytest
from hypothesis import given, strategies as st

from axio.exceptions import ConnectionFailed, StreamError
from axio.wire.address import WEB_SOCKET, Address, check_address
from axio.wire.http import Http, request_json
from axio.wire.retry import RetryPolicy
from axio.wire.secret import Secret
from support.loopback import serving, status

PASSWORD = st.text(st.characters(codec="ascii", exclude_categories=["Cc", "Zs"]), min_size=6)


@given(PASSWORD)
def test_no_character_of_a_password_lets_it_be_shown(password: str) -> None:
    address = Address(f"https://Ada:s3cret{password}@host.example/v1").below("chat")
    whole = (address.shown, repr(address), address.problem())
    # After these characters it is not a password any more: the host ends there.
    if not set(password) & set("?#"):
        assert not any("s3cret" in words for words in whole)


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("http://[::1", "that is no address"),
        ("http://host:port/v1", "that is no address"),
        ("http://host:99999/v1", "that is no address"),
        ("http://host:0/v1", "an address begins with http:// or https://"),
        ("http://", "an address begins with http:// or https://"),
        ("localhost:8080", "an address begins with http:// or https://"),
        ("wss://host/v1", "an address begins with http:// or https://"),
        ("https://host/v1", ""),
    ],
)
def test_an_address_where_nothing_can_be_asked_says_why(text: str, begins: str) -> None:
    problem = Address(text).below("chat").problem()
    assert problem.startswith(begins) and bool(problem) == bool(begins)
    if begins:
        with pytest.raises(ValueError, match=begins):
            check_address(text)


@pytest.mark.parametrize("scheme", ["wss", "ws", "https", "HTTP"])
def test_a_web_socket_is_opened_at_its_own_schemes_and_at_those_of_http(scheme: str) -> None:
    assert not Address(f"{scheme}://host/v1").problem(WEB_SOCKET)
    assert "wss:// or ws://" in Address(f"ftp://{scheme}/v1").problem(WEB_SOCKET)


async def _ask(url: str, headers: dict[str, str]) -> object:
    http = Http(policy=RetryPolicy(1), describe="Test")
    async with aiohttp.ClientSession() as session:
        return await request_json(session, url=url, headers=headers, http=http)


@pytest.mark.parametrize("user", ["ada:s3cret-pass", "s3cret-pass", ":s3cret-pass"])
async def test_a_password_in_the_address_and_a_key_do_not_go_together(user: str) -> None:
    async with serving(status(200, "{}")) as server:
        host = server.url.removeprefix("http://")
        with pytest.raises(ConnectionFailed) as caught:
            await _ask(f"http://{user}@{host}", {"authorization": Secret("Bearer sk-0123456789")})
        assert "leave out one of the two" in str(caught.value) and host in str(caught.value)
        assert "s3cret" not in str(caught.value) and not caught.value.retryable
        assert not server.asked


async def test_a_password_in_the_address_is_sent_where_there_is_no_key() -> None:
    async with serving(status(200, "{}")) as server:
        host = server.url.removeprefix("http://")
        assert await _ask(f"http://ada:s3cret-pass@{host}", {}) == {}
        assert server.asked[0].headers["authorization"].startswith("Basic ")


async def test_an_address_that_is_none_is_told_with_every_request() -> None:
    with pytest.raises(StreamError, match="that is no address"):
        await _ask("http://ada:s3cret/pass@127.0.0.1:9/v1", {})
