"""`python -m axio_transport_codex login|status|logout`: an account's tokens in a file."""

from __future__ import annotations

import argparse
import asyncio
import sys
import threading
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from axio_transport_codex.oauth import run_oauth_flow
from axio_transport_codex.tokens import TokenFile, default_path

__all__ = ("main",)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m axio_transport_codex", description="Sign in with a ChatGPT account."
    )
    parser.add_argument("command", choices=["login", "status", "logout"])
    parser.add_argument("--tokens", type=Path, default=default_path(), help="where to keep them")
    parser.add_argument(
        "--headless",
        action="store_true",
        help="show the address instead of opening a browser, and ask for the code",
    )
    options = parser.parse_args(arguments)
    file = TokenFile(options.tokens)
    if options.command == "logout":
        file.delete()
        return 0
    try:
        if options.command == "login":
            tokens = asyncio.run(run_oauth_flow(paste=_ask if options.headless else None))
            file.save({**tokens, "api_key": tokens["access_token"]})
        return _show(file)
    except (RuntimeError, ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 1


async def _ask(url: str) -> str:
    print(f"Open this address in any browser and sign in:\n\n{url}\n")
    print("Then paste the address that it ends at, or the code:", flush=True)
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str] = loop.create_future()

    def read() -> None:
        line = sys.stdin.readline()
        with suppress(RuntimeError):  # the browser was faster, and the loop is gone
            loop.call_soon_threadsafe(_settle, answer, line)

    # No thread of the loop: that would be waited for, and with it a line that is not needed.
    threading.Thread(target=read, daemon=True).start()
    return await answer


def _settle(answer: asyncio.Future[str], line: str) -> None:
    if not answer.done():
        answer.set_result(line)


def _show(file: TokenFile) -> int:
    tokens = file.load()
    if not tokens.get("api_key"):
        print("not signed in")
        return 1
    expires = tokens.get("expires_at") or "0"
    until = datetime.fromtimestamp(float(expires)).isoformat(" ", "seconds")
    print(f"signed in, account {tokens.get('account_id') or 'unknown'}, token valid until {until}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
