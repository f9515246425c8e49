"""A real OAuth server for tests of signing in: npm's oidc-provider, which is certified."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest

from support.npm import OIDC_PROVIDER, installed, node


def start_oauth_server(client: str, scopes: str) -> AbstractContextManager[str]:
    """Run a server with one client while the block lasts; gives its address."""
    return _start("oauth_server.mjs", client, scopes)


def start_mcp_oauth_server(
    resource: str, seconds: int, robot_key: str = ""
) -> AbstractContextManager[str]:
    """Run a server with which clients register themselves, and get tokens for `resource`.

    `robot_key` is the public key, as a JWK, of a program that needs no person.
    """
    return _start("oauth_mcp_server.mjs", resource, str(seconds), ROBOT_KEY=robot_key)


@contextmanager
def _start(program: str, *arguments: str, **variables: str) -> Iterator[str]:
    folder = installed(*OIDC_PROVIDER)
    process = subprocess.Popen(
        [node(), str(Path(__file__).with_name(program)), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OIDC_ROOT": str(folder), **variables},
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        ready = process.stdout.readline().split()
        if ready[:1] != ["READY"]:
            pytest.fail("the OAuth server did not start")
        yield ready[1]
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(20)
        process.stdout.close()


async def sign_in(url: str, person: str = "alice", callback: str = "/auth/callback") -> str:
    """Do what a person does in the browser; gives the address to which it is sent back, unasked."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        method, data = "GET", None
        for _ in range(20):
            async with browser.request(method, url, data=data, allow_redirects=False) as response:
                page = await response.text()
                if response.status in (302, 303, 307):
                    url, method, data = urljoin(url, response.headers["Location"]), "GET", None
                    if urlsplit(url).path == callback:
                        return url
                    continue
            assert response.status == 200, page
            action = re.search(r'<form[^>]*action="([^"]+)"', page)
            prompt = re.search(r'name="prompt" value="([^"]+)"', page)
            assert action and prompt, page
            url, method = urljoin(url, unescape(action[1])), "POST"
            data = {"prompt": prompt[1], "login": person, "password": "x"}
    raise AssertionError("signing in does not end")
