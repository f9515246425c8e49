"""A real OAuth server for tests of signing in: npm's oidc-provider, which is certified.

It is installed into a cache folder (``AXIO_TEST_CACHE``, else the user's) when a test first wants
it, which takes some seconds and a package registry.
"""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import unescape
from pathlib import Path
from typing import NoReturn
from urllib.parse import urljoin

import aiohttp
import pytest

from support.parts import in_ci, requires

VERSION = "9.13.3"
OLDEST_NODE = 20
NODE = "22.20.0"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
PROGRAM = Path(__file__).with_name("oauth_server.mjs")


@contextmanager
def start_oauth_server(client: str, scopes: str) -> Iterator[str]:
    """Run the server while the block lasts; gives its address."""
    node, folder = parts()
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
            pytest.fail("the OAuth server did not start")
        yield ready[1]
    finally:
        process.stdin.close()
        process.terminate()
        process.wait(20)
        process.stdout.close()


@cache
def parts() -> tuple[str, Path]:
    """A Node.js that is new enough, and the folder in which oidc-provider is.

    What is missing is installed once for all processes. Debian 12 has a Node.js that is too old for
    the server and new enough to install another one.
    """
    node = str(requires("node"))
    version = subprocess.run([node, "--version"], capture_output=True, text=True).stdout
    too_old = int(version.lstrip("v").partition(".")[0] or 0) < OLDEST_NODE
    own_node = f"node-linux-{'arm64' if platform.machine() == 'aarch64' else 'x64'}"
    packages = [f"oidc-provider@{VERSION}", *([f"{own_node}@{NODE}"] if too_old else [])]
    cache_root = os.environ.get("AXIO_TEST_CACHE") or os.environ.get("XDG_CACHE_HOME")
    folder = Path(cache_root or Path.home() / ".cache", "axio-tests", "+".join(packages))
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "installed").exists():
            install(packages, folder)
            (folder / "installed").touch()
    return (str(folder / "node_modules" / own_node / "bin" / "node") if too_old else node), folder


def install(packages: list[str], folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        _missing("npm is missing (Debian: npm)")
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--prefix", str(folder)]
    command = [str(npm), "install", *options, *packages]
    environment = dict(os.environ)
    if AUTHORITIES.exists():  # Node.js does not look there by itself
        environment.setdefault("NODE_EXTRA_CA_CERTS", str(AUTHORITIES))
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)
    if done.returncode:
        _missing(f"{', '.join(packages)} cannot be installed: {done.stderr[-500:]}")


def _missing(reason: str) -> NoReturn:
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
