"""Signing in: a certified authorization server, a person who signs in, tokens that expire."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from axio_tools_mcp import MCPRegistry, MCPServerConfig, MCPSession, signing_in
from axio_tools_mcp.command import _typed_line
from axio_tools_mcp.errors import ConnectError, MCPServerError
from axio_tools_mcp.signing_in import BrowserLogin
from axio_tools_mcp.tokens import TokenFile, token_file
from axio_tools_mcp.wire import Hooks, connect
from support.mcp_servers import free_port, said
from support.oauth import sign_in, start_mcp_oauth_server

pytestmark = pytest.mark.timeout(180)


class Protected:
    """An MCP server that wants a token of `issuer` for itself; it counts what it is asked."""

    def __init__(self, url: str, issuer: str) -> None:
        self.url = url
        self.issuer = issuer
        self.refused = 0
        self.running = 0
        self.together = 0
        self.tokens: set[str] = set()

    async def metadata(self, request: web.Request) -> web.Response:
        return web.json_response({"resource": self.url, "authorization_servers": [self.issuer]})

    async def answer(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not await self._is_good(token):
            self.refused += 1
            place = self.url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")
            challenge = f'Bearer resource_metadata="{place}"'
            return web.Response(status=401, headers={"WWW-Authenticate": challenge})
        self.tokens.add(token)
        message = await request.json()
        if "id" not in message:
            return web.Response(status=202)
        return web.json_response(
            {"jsonrpc": "2.0", "id": message["id"], **await self._result(message)}
        )

    async def _is_good(self, token: str) -> bool:
        async with aiohttp.ClientSession() as http, http.get(f"{self.issuer}/jwks") as answer:
            keys = jwt.PyJWKSet.from_dict(await answer.json())
        try:
            key = keys[jwt.get_unverified_header(token)["kid"]]
            jwt.decode(token, key, audience=self.url, issuer=self.issuer)
        except (jwt.PyJWTError, KeyError):
            return False
        return True

    async def _result(self, message: dict[str, Any]) -> dict[str, Any]:
        match message["method"]:
            case "initialize":
                server = {"name": "protected", "version": "1"}
                result: dict[str, Any] = {
                    "protocolVersion": "2025-11-25",
                    "capabilities": {"tools": {}},
                    "serverInfo": server,
                }
            case "tools/list":
                result = {"tools": [{"name": "meet", "inputSchema": {"type": "object"}}]}
            case "tools/call":
                result = {"content": [{"type": "text", "text": await self._meet(message)}]}
            case _:
                return {"error": {"code": -32601, "message": "Method not found"}}
        return {"result": result}

    async def _meet(self, message: dict[str, Any]) -> str:
        """Answer when so many calls are here at once."""
        wanted = message["params"]["arguments"]["calls"]
        self.running += 1
        try:
            async with asyncio.timeout(30):
                while self.running < wanted and self.together < wanted:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            self.together = max(self.together, self.running)
        finally:
            self.running -= 1
        return "met"


@asynccontextmanager
async def protected(seconds: int, robot_key: str = "") -> AsyncIterator[Protected]:
    """The server, and its authorization server, whose tokens live for so long."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    with start_mcp_oauth_server(url, seconds, robot_key) as issuer:
        server = Protected(url, issuer)
        app = web.Application()
        app.router.add_get("/.well-known/oauth-protected-resource/mcp", server.metadata)
        app.router.add_post("/mcp", server.answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield server
        finally:
            await runner.cleanup()


@pytest.fixture(autouse=True)
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path


def nothing(_: object = None) -> None:
    pass


async def log_in(server: Protected) -> None:
    """Sign in as a person does, in a browser."""
    pages: asyncio.Queue[str] = asyncio.Queue()

    async def person() -> None:
        address = await pages.get()
        back = await sign_in(address.removeprefix("sign in at "), callback="/callback")
        async with aiohttp.ClientSession() as browser, browser.get(back) as answer:
            assert "go back to axio" in await answer.text()

    config = MCPServerConfig("p", url=server.url, start_timeout=60)
    async with BrowserLogin(pages.put_nowait, open_browser=False) as login:
        reading = asyncio.create_task(person())
        async with connect(config, Hooks(nothing, nothing, nothing), login=login) as connection:
            assert [tool.name for tool in await connection.list_tools()] == ["meet"]
        await reading


async def test_an_address_from_a_browser_on_another_machine_is_typed() -> None:
    told: asyncio.Queue[str] = asyncio.Queue()
    typed: asyncio.Queue[str] = asyncio.Queue()
    async with protected(600) as server:
        config = MCPServerConfig("p", url=server.url)
        signing = asyncio.create_task(signing_in.sign_in(config, told.put_nowait, False, typed.get))
        try:
            page = (await asyncio.wait_for(told.get(), 60)).removeprefix("sign in at ")
            assert "paste here the address it ends at" in await told.get()
            back = await sign_in(page, callback="/callback")
            for wrong in ("hello\n", "http://[\n", f"{back}x&state=of-another\n"):
                typed.put_nowait(wrong)
                assert "that does not answer it" in await asyncio.wait_for(told.get(), 60)
            typed.put_nowait(" \n")
            typed.put_nowait(f"  {back}\n")
            await asyncio.wait_for(signing, 60)
        finally:
            signing.cancel()
        async with connected(server) as session:
            assert said(await session.call_tool("meet", {"calls": 1})) == "met"


async def test_a_header_that_is_configured_is_sent_and_not_the_token_that_is_kept() -> None:
    async with protected(600) as server:
        await log_in(server)
        config = MCPServerConfig("p", url=server.url, headers={"authorization": "Bearer mine"})
        with pytest.raises(ConnectError):
            async with connect(config, Hooks(nothing, nothing, nothing)):
                pass


async def test_a_line_is_typed_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    person, terminal = os.openpty()
    try:
        with os.fdopen(terminal) as stdin:
            monkeypatch.setattr(sys, "stdin", stdin)
            given_up = asyncio.create_task(_typed_line())
            await asyncio.sleep(0)
            given_up.cancel()
            await asyncio.wait([given_up])
            os.write(person, b"http://h?code=c\nmore")
            assert await asyncio.wait_for(_typed_line(), 60) == "http://h?code=c\n"
            os.write(person, b"\n\x04")
            assert await asyncio.wait_for(_typed_line(), 60) == "more\n"
            assert await asyncio.wait_for(_typed_line(), 60) == ""
    finally:
        os.close(person)


async def test_an_answer_to_another_attempt_is_not_taken() -> None:
    async with BrowserLogin(nothing, open_browser=False) as login:
        await login.open("https://host/authorize?state=mine")
        async with aiohttp.ClientSession() as browser:
            async with browser.get(f"{login.redirect_uri}?code=c&state=theirs") as answer:
                assert answer.status == 404
            async with browser.get(f"{login.redirect_uri}?code=d&state=mine") as answer:
                assert answer.status == 200
        assert await login.answer() == {"code": "d", "state": "mine"}


@asynccontextmanager
async def connected(server: Protected) -> AsyncIterator[MCPSession]:
    session = MCPSession(MCPServerConfig("p", url=server.url, timeout=40))
    try:
        await session.connect()
        yield session
    finally:
        await session.close()


async def test_a_person_signs_in_once_and_calls_run_side_by_side() -> None:
    async with protected(600) as server:
        with pytest.raises(ConnectError, match="401 Unauthorized; sign in with `axio mcp login p`"):
            async with connected(server):
                pass
        await log_in(server)
        file = TokenFile(server.url)
        assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
        refused = server.refused
        async with connected(server) as session:
            calls = [session.call_tool("meet", {"calls": 4}) for _ in range(4)]
            assert [said(result) for result in await asyncio.gather(*calls)] == ["met"] * 4
        assert server.refused == refused  # the token was sent at once, and by all
        assert server.together == 4
        assert len(server.tokens) == 1


async def test_an_expired_token_is_renewed_without_a_person() -> None:
    async with protected(600) as server:
        await log_in(server)
        file = TokenFile(server.url)
        before = file.read()
        file.write({**before, "expires_at": time.time() - 1})
        refused = server.refused
        async with connected(server) as session:
            assert said(await session.call_tool("meet", {"calls": 1})) == "met"
        after = file.read()
        assert after["tokens"]["refresh_token"] != before["tokens"]["refresh_token"]
        assert after["expires_at"] > time.time()
        assert server.refused == refused and len(server.tokens) == 2


async def test_a_token_that_is_refused_is_renewed_once_for_all_callers() -> None:
    async with protected(600) as server:
        await log_in(server)
        file = TokenFile(server.url)
        async with connected(server) as session:
            await session.call_tool("meet", {"calls": 1})
            data = file.read()
            data["tokens"]["access_token"] = "refused"
            file.write(data)
            server.tokens.clear()
            calls = [session.call_tool("meet", {"calls": 1}) for _ in range(4)]
            assert [said(result) for result in await asyncio.gather(*calls)] == ["met"] * 4
        assert len(server.tokens) == 1


PROGRAM = """
import asyncio, sys
from axio_tools_mcp import MCPServerConfig, MCPSession

async def main():
    session = MCPSession(MCPServerConfig("p", url=sys.argv[1], timeout=60))
    await session.connect()
    result = await session.call_tool("meet", {"calls": 1})
    print(result.content[0].text)
    await session.close()

asyncio.run(main())
"""


async def test_two_programs_renew_one_token_once() -> None:
    async with protected(600) as server:
        await log_in(server)
        file = TokenFile(server.url)
        file.write({**file.read(), "expires_at": time.time() - 1})
        server.tokens.clear()
        programs = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", PROGRAM, server.url, stdout=subprocess.PIPE
            )
            for _ in range(2)
        ]
        try:
            outputs = await asyncio.gather(*(program.communicate() for program in programs))
        finally:
            for program in programs:
                if program.returncode is None:
                    program.kill()
                    await program.wait()
        assert [out for out, _ in outputs] == [b"met\n", b"met\n"]
        assert len(server.tokens) == 1  # rotating refresh tokens: a second use would end the grant


@pytest.mark.heavy
async def test_a_grant_that_was_ended_asks_for_a_person() -> None:
    async with protected(600) as server:
        await log_in(server)
        file = TokenFile(server.url)
        data = file.read()
        data["tokens"]["refresh_token"] = "void"
        file.write({**data, "expires_at": time.time() - 1})
        with pytest.raises(ConnectError, match="axio mcp login p"):
            async with connected(server):
                pass


def robot(server: Protected, **fields: Any) -> MCPServerConfig:
    """A program that needs no person, as it is configured."""
    fields = {"oauth_client_id": "robot", "oauth_issuer": server.issuer, **fields}
    return MCPServerConfig(
        "p", url=server.url, timeout=40, oauth_grant="client_credentials", **fields
    )


@asynccontextmanager
async def open_session(config: MCPServerConfig) -> AsyncIterator[MCPSession]:
    session = MCPSession(config)
    try:
        await session.connect()
        yield session
    finally:
        await session.close()


async def test_a_program_with_a_secret_of_its_own_needs_no_person() -> None:
    async with protected(600) as server:
        for secret in ("${ROBOT:-secret}", "secret"):  # the second finds the token of the first
            async with open_session(robot(server, oauth_client_secret=secret)) as session:
                calls = [session.call_tool("meet", {"calls": 2}) for _ in range(2)]
                assert [said(result) for result in await asyncio.gather(*calls)] == ["met"] * 2
        assert len(server.tokens) == 1
        assert not TokenFile(server.url).path.exists()  # that is where a person's are


@pytest.mark.parametrize("kind", ["P-256", "RSA"])
async def test_a_program_with_a_key_of_its_own_needs_no_person(kind: str) -> None:
    key: Any = ec.generate_private_key(ec.SECP256R1())
    algorithm: Any = jwt.algorithms.ECAlgorithm
    if kind == "RSA":
        key = rsa.generate_private_key(65537, 2048)
        algorithm = jwt.algorithms.RSAAlgorithm
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    async with protected(600, algorithm.to_jwk(key.public_key())) as server:
        own = robot(server, oauth_client_id="robot-with-key", oauth_private_key=pem)
        async with open_session(own) as session:
            assert said(await session.call_tool("meet", {"calls": 1})) == "met"
        assert pem not in repr(own) and len(server.tokens) == 1


async def test_an_expired_token_of_a_program_is_replaced() -> None:
    async with protected(600) as server:
        config = robot(server, oauth_client_secret="secret")
        async with open_session(config) as session:
            await session.call_tool("meet", {"calls": 1})
        file = token_file(config)
        file.write({**file.read(), "expires_at": time.time() - 1})
        async with open_session(config) as session:
            assert said(await session.call_tool("meet", {"calls": 1})) == "met"
        assert len(server.tokens) == 2


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"oauth_client_secret": "wrong"}, "invalid_client"),
        ({"oauth_client_secret": "secret", "oauth_issuer": "http://elsewhere"}, "issuer"),
        ({"oauth_private_key": "nonsense"}, "no key as PEM"),
    ],
)
async def test_what_is_wrong_with_the_credentials_of_a_program_is_told(
    fields: dict[str, Any], words: str
) -> None:
    async with protected(600) as server:
        with pytest.raises(MCPServerError) as raised:
            async with open_session(robot(server, **fields)):
                pass
    told = str(raised.value)
    assert told.startswith("MCP server 'p': ") and words in told and "\n" not in told
    assert "axio mcp login" not in told and "nonsense" not in told


def test_a_file_that_cannot_be_read_counts_as_none(tmp_path: Path) -> None:
    file = TokenFile("http://h", tmp_path)
    assert file.read() == {} and not file.forget()
    file.path.write_text("[")
    assert file.read() == {}
    file.write({"tokens": {}})
    assert json.loads(file.path.read_text()) == {"tokens": {}}
    assert file.forget() and not os.path.exists(file.path)


async def test_a_registry_lets_a_person_sign_in_and_has_the_tools_then() -> None:
    async with protected(600) as server:
        registry = MCPRegistry()
        await registry.connect_all([MCPServerConfig("p", url=server.url, timeout=40)])
        assert "sign in with `axio mcp login p`" in registry.server_error("p")
        shown: list[str] = []
        opened: asyncio.Queue[str] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def browse(page: str) -> None:  # called in a thread
            loop.call_soon_threadsafe(opened.put_nowait, page)

        async def person() -> None:
            back = await sign_in(await opened.get(), callback="/callback")
            async with aiohttp.ClientSession() as browser, browser.get(back) as answer:
                assert "go back to axio" in await answer.text()

        reading = asyncio.create_task(person())
        try:
            await registry.sign_in("p", shown.append, browse)
            await reading
            assert [tool.name for tool in registry.server_tools("p")] == ["p__meet"]
            assert shown[0].startswith("sign in at http") and registry.server_error("p") == ""
        finally:
            reading.cancel()
            await registry.close()
