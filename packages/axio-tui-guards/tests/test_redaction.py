"""No secret of a usual form is written down."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio_tui_guards import AuditLog
from axio_tui_guards.redaction import REMOVED, without_secrets

SECRET = "s3cr3tValue99"
LONG = "s3cr3tValue99ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

TEXTS = [
    f"curl -H 'Authorization: Bearer {SECRET}'",
    f'curl -H "Authorization: Token a {SECRET}" x',
    f"curl -H 'X-Api-Key: {SECRET}'",
    f"Cookie: a=1; session={SECRET}; b=2\nHost: x",
    f"Set-Cookie: sid={SECRET}; Path=/",
    f"Proxy-Authorization: Basic {SECRET}",
    f"curl https://user:{SECRET}@example.com/",
    f"postgres://me:{SECRET}@db:5432/x",
    f"redis://:{SECRET}@db/0",
    f"https://me:a/{SECRET}@db/0",
    f"https://x.org/?api_key={SECRET}&y=1",
    f"https://x.org/?X-Amz-Signature={SECRET}",
    f"https://x.org/?sig={SECRET}",
    f"mysql --password {SECRET}",
    f"mysql --password={SECRET}",
    f"mysql -u root -p{SECRET} db",
    f"sshpass -p {SECRET} ssh x",
    f"docker login --password-stdin --token {SECRET}",
    f"openssl enc -pass pass:{SECRET}",
    f"API_KEY='{SECRET}' run",
    f"STRIPE_KEY={SECRET} run",
    f'export GITHUB_TOKEN="{SECRET}"',
    f"aws_secret_access_key = {SECRET}",
    f"DB_PASSWD={SECRET}",
    f"PGPASSWORD={SECRET} psql",
    f"Server=x;User Id=me;Password={SECRET};",
    f"AccountName=x;AccountKey={SECRET}==;",
    f"passphrase: {SECRET}",
    f"machine x.org login me password {SECRET}",
    f'{{"client_secret": "{SECRET}"}}',
    json.dumps(json.dumps({"password": SECRET, "x": 1})),
    f"{{'api_key': '{SECRET}'}}",
    f"token => '{SECRET}'",
    f"sk-{SECRET}{SECRET}",
    f"sk_live_{SECRET}",
    f"ghp_{SECRET}{SECRET}",
    f"github_pat_{SECRET}",
    f"glpat-{SECRET}",
    f"xoxb-{SECRET}",
    f"hf_{SECRET}",
    f"npm_{SECRET}",
    f"AKIA{SECRET}",
    f"AIza{SECRET}",
    f"ya29.{SECRET}",
    f"SG.{SECRET}",
    f"eyJ{SECRET}.eyJ{SECRET}.{SECRET}",
    f"curl -u me:{SECRET} x",
    f"curl --user=me:{SECRET} x",
    f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}\n-----END RSA PRIVATE KEY-----",
    f"-----BEGIN OPENSSH PRIVATE KEY-----\n{SECRET}",
    f"-----BEGIN PGP PRIVATE KEY BLOCK-----\n{SECRET}",
    f"see {LONG} there",
    f"key={LONG}==",
]


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("around", ["{}", 'x "{}" y', "{}\nls", " && {}", "a=b; {} # c"])
def test_secrets_are_removed(text: str, around: str) -> None:
    cleaned = without_secrets({"command": around.format(text)})["command"]
    assert REMOVED in cleaned
    assert SECRET not in cleaned


@given(
    st.sampled_from(TEXTS),
    st.text("abc -_=:/'\"\n@.", max_size=30),
    st.text("abc -_=:/\n@.", max_size=30),
)
def test_secrets_are_removed_wherever_they_stand(text: str, before: str, after: str) -> None:
    whole = f"{before}\n{text} {after}"
    assert SECRET not in json.dumps(without_secrets([{"x": whole}]))


@pytest.mark.parametrize(
    "name", ["password", "API-KEY", "clientSecret", "DB_PASSWORD", "auth", "access_token", "Cookie"]
)
def test_what_stands_under_the_name_of_a_secret_is_removed(name: str) -> None:
    assert without_secrets({"x": {name: ["hunter2"]}}) == {"x": {name: REMOVED}}


def test_the_secrets_of_this_process_are_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "plainly-known-value")
    assert without_secrets("echo plainly-known-value") == f"echo {REMOVED}"


KEPT: dict[str, Any] = {
    "a": "git log --oneline",
    "b": [True, 2.5, None],
    "c": "tokens are counted, and the author is asked for the monkey",
    "d": "0123456789abcdef0123456789abcdef01234567",
    "e": "https://example.com/a/b?q=1",
    "f": "src/very/long/path/with/Many/Parts/and/2/numbers/in/it.py",
    "max_tokens": 4096,
    "author": "me",
}


def test_what_is_no_secret_is_kept_and_long_texts_are_cut() -> None:
    assert without_secrets(KEPT) == KEPT
    assert without_secrets(("x",)) == ["x"]
    assert without_secrets(Path("/x")) == "PosixPath('/x')"
    assert without_secrets({1: 2}) == {"1": 2}
    assert without_secrets("x " * 2000).endswith("[... 2000 characters more]")


def test_a_secret_at_the_cut_is_not_half_kept() -> None:
    for size in range(1960, 2001):
        cleaned = without_secrets("x" * (size - 1) + " " + f"token={SECRET} " + "y" * 500)
        assert "s3cr" not in cleaned


def test_a_line_has_an_end() -> None:
    assert without_secrets(list(range(1000)))[-1] == "[... 800 more]"
    many = without_secrets({str(i): "x" * 1999 for i in range(1000)})
    assert len(json.dumps(many)) < 60_000
    assert list(many)[-1] == f"[... {1000 - len(many) + 1} more]"
    ring: list[Any] = []
    ring.append(ring)
    assert "nested too deeply" in json.dumps(without_secrets(ring))


def torn(path: Path, line: bytes) -> None:
    with path.open("ab") as file:
        file.write(line)


def test_a_line_that_a_crash_cut_short_costs_no_other(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(path)
    log.record("first", {}, "allow", "", False)
    torn(path, b'{"time": "2026-')
    log.record("second", {}, "allow", "", False)
    log.record("third", {}, "allow", "", False)
    lines = path.read_text().split("\n")
    assert [re.findall(r'"tool": "(\w+)"', line) for line in lines] == [
        ["first"],
        [],
        ["second"],
        ["third"],
        [],
    ]
    assert [json.loads(lines[i])["tool"] for i in (0, 2, 3)] == ["first", "second", "third"]


def test_of_a_secret_that_is_cut_nothing_is_left() -> None:
    """The room of what is removed is taken by what follows, which may be a part of another."""
    words = " ".join(f"password={'x' * 80}" for _ in range(33))
    for size in range(2900, 3000):
        text = f"{words[:size].ljust(size)} https://name:hunter2hunter2hunter2@good.example/"
        assert "hunter" not in without_secrets(text + "y" * 100)


def test_an_address_keeps_no_name_and_no_password() -> None:
    for address in ("a:b@h", "a:b:c@h", ":b@h", "a:b/c@h", "a@h", "a:%40@h", "a:b?c@h"):
        assert without_secrets(f"x https://{address}/y z") == f"x https://{REMOVED}h/y z", address
    for address in ("h/y", "h:80/a", "h/a:b@c", "h"):
        assert without_secrets(f"x https://{address} z") == f"x https://{address} z", address
