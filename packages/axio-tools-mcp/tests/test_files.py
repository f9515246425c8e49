"""The files that people have: every client's dialect, comments, variables, trust."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from axio_tools_mcp import MCPServerConfig
from axio_tools_mcp.edit import add_entry
from axio_tools_mcp.files import find_servers, read_servers, user_file
from axio_tools_mcp.variables import expanded


def read(tmp_path: Path, text: str, name: str = "mcp.json") -> dict[str, MCPServerConfig]:
    file = tmp_path / name
    file.write_text(text)
    found = read_servers(file)
    assert found.problems == []
    return found.servers


DIALECTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "claude": (
        "mcp.json",
        '{"mcpServers": {"s": {"command": "npx", "args": ["-y", "x"], "env": {"A": "${B:-c}"}}}}',
        {"command": "npx", "args": ["-y", "x"], "env": {"A": "${B:-c}"}},
    ),
    "claude, http": (
        "mcp.json",
        '{"mcpServers": {"s": {"type": "http", "url": "https://h/mcp",'
        ' "headers": {"Authorization": "Bearer ${T}"}}}}',
        {"url": "https://h/mcp", "headers": {"Authorization": "Bearer ${T}"}},
    ),
    "vs code": (
        "mcp.json",
        '{\n  // mine\n  "inputs": [],\n  "servers": {"s": {"type": "stdio", "command": "uvx",\n'
        '    "args": ["a//b", "c",], /* two */ }},\n}',
        {"command": "uvx", "args": ["a//b", "c"]},
    ),
    "cursor": (
        "mcp.json",
        '{"mcpServers": {"s": {"command": "${workspaceFolder}/x", "env": {"A": "${env:B}"}}}}',
        {"command": "${workspaceFolder}/x", "env": {"A": "${env:B}"}},
    ),
    "kilo": (
        "mcp.json",
        '{"mcpServers": {"s": {"type": "streamable-http", "url": "http://h", "disabled": true,'
        ' "alwaysAllow": ["x"], "timeout": 60}}}',
        {"url": "http://h", "enabled": False, "timeout": 60},
    ),
    "milliseconds": (
        "mcp.json",
        '{"mcpServers": {"s": {"url": "http://h/sse", "type": "sse", "timeout": 60000}}}',
        {"url": "http://h/sse", "transport": "sse", "timeout": 60},
    ),
    "one command line": (
        "mcp.json",
        '{"mcpServers": {"s": {"type": "local", "command": ["npx", "-y", "x"], "enabled": false}}}',
        {"command": "npx", "args": ["-y", "x"], "enabled": False},
    ),
    "codex": (
        "config.toml",
        'model = "x"\n[mcp_servers.s]\ncommand = "x"\nenv_vars = ["HTTP_PROXY"]\n'
        'startup_timeout_sec = 10\ntool_timeout_sec = 90\nenabled_tools = ["a"]\n'
        'disabled_tools = ["b"]\n',
        {
            "command": "x",
            "pass_variables": ["HTTP_PROXY"],
            "start_timeout": 10,
            "timeout": 90,
            "tools": ["a"],
            "without": ["b"],
        },
    ),
    "codex, http": (
        "config.toml",
        '[mcp_servers.s]\nurl = "https://h"\nbearer_token_env_var = "TOKEN"\n'
        '[mcp_servers.s.env_http_headers]\nX-Org = "ORG"\n',
        {
            "url": "https://h",
            "headers": {"Authorization": "Bearer ${TOKEN}", "X-Org": "${ORG}"},
        },
    ),
    "vibe": (
        "config.toml",
        '[[mcp_servers]]\nname = "s"\ntransport = "streamable-http"\nurl = "https://h"\n'
        'prompt = "x"\nsampling_enabled = false\n',
        {"url": "https://h"},
    ),
    "ours, signing in for itself": (
        "mcp.json",
        '{"mcpServers": {"s": {"url": "https://h", "oauth": {"grant": "client_credentials",'
        ' "clientId": "robot", "privateKey": "${KEY}", "issuer": "https://i"}}}}',
        {
            "url": "https://h",
            "oauth_grant": "client_credentials",
            "oauth_client_id": "robot",
            "oauth_private_key": "${KEY}",
            "oauth_issuer": "https://i",
        },
    ),
    "ours": (
        "mcp.json",
        '{"mcpServers": {"s": {"command": "x", "total_timeout": 90, "always": true,'
        ' "max_result": 1000, "cwd": "/tmp"}}}',
        {"command": "x", "total_timeout": 90, "always": True, "max_result": 1000, "cwd": "/tmp"},
    ),
}


@pytest.mark.parametrize("client", DIALECTS)
def test_the_file_of_another_client_is_read(client: str, tmp_path: Path) -> None:
    name, text, fields = DIALECTS[client]
    assert read(tmp_path, text, name) == {"s": MCPServerConfig("s", **fields)}


PROBLEMS = {
    '{"mcpServers": {"s": {"comand": "x"}}}': "'s': there is no setting 'comand'; 'command' may",
    '{"mcpServers": {"s": {"url": "https://h", "oauth": {"client": "x"}}}}': (
        "'s': there is no setting 'oauth.client'"
    ),
    '{"mcpServers": {"s": {"url": "https://h", "oauth": {"grant": "client_credentials"}}}}': (
        "'s': client_credentials needs a client_id and the issuer"
    ),
    '{"mcpServers": {"s": {"url": "https://h", "oauth": {"grant": "implicit"}}}}': (
        "'s': no oauth grant 'implicit'; there is: authorization_code, client_credentials"
    ),
    '{"mcpServers": {"s": 5}}': "'s': it has to be an object, not a number",
    '{"mcpServers": {"s": {"command": "x", "args": [[]]}}}': "'s': args cannot hold a list",
    '{"mcpServers": {"s": {"command": "x", "env": {"A": null}}}}': "'s': env cannot hold null",
    '{"mcpServers": {"s": {}}}': "'s': Exactly one of command and url must be given",
    '{"mcpServers": {"s": {"command": "x", "args": "y"}}}': "'s': args cannot be a text",
    '{"mcpServers": {"s": {"url": "h", "headers": "Bearer K"}}}': "'s': headers cannot be a text",
    '{"mcpServers": {"s": {"command": "x", "timeout": "soon"}}}': "'s': timeout cannot be 'soon'",
    '{"mcpServers": {"s": {"url": "x", "type": "smoke"}}}': "'s': no transport 'smoke'",
    '{"mcpServers": {"s": {"command": "x", "timeout": true}}}': "'s': timeout cannot be True",
    '{"mcpServers": ["s"]}': "a server has no name",
    '{"mcpServers": {"s": ': "cannot be read: Expecting value",
    "[1]": "it does not hold an object",
}


def test_the_other_servers_of_a_file_go_on(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_text('{"mcpServers": {"a": 5, "b": {"command": "x"}, "c": {"comand": "x"}}}')
    found = read_servers(path)
    assert list(found.servers) == ["b"] and len(found.problems) == 2


@pytest.mark.parametrize("text", PROBLEMS)
def test_a_wrong_file_is_one_line_that_says_where_and_what(text: str, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(text)
    (line,) = read_servers(file).problems
    assert line.startswith(f"{file}: ") and "\n" not in line
    assert PROBLEMS[text] in line


def test_a_wrong_server_leaves_the_others(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text('{"mcpServers": {"bad": {"x": 1}, "good": {"command": "y"}}}')
    found = read_servers(file)
    assert list(found.servers) == ["good"]
    assert len(found.problems) == 1


def test_a_file_that_is_not_utf8_or_missing_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff")
    for name in ("a.json", "absent.json"):
        (line,) = read_servers(tmp_path / name).problems
        assert "cannot be read" in line


def write(path: Path, **commands: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    servers = {name: {"command": command} for name, command in commands.items()}
    path.write_text(json.dumps({"mcpServers": servers}))


def test_a_folders_files_are_used_only_when_it_is_trusted(tmp_path: Path) -> None:
    user, folder = tmp_path / "config" / "mcp.json", tmp_path / "project"
    write(user, shared="mine", own="mine")
    write(folder / ".mcp.json", shared="theirs", other="theirs")
    write(folder / ".axio" / "mcp.json", other="first")
    careful = find_servers(folder, user=user)
    assert {name: config.command for name, config in careful.servers.items()} == {
        "shared": "mine",
        "own": "mine",
    }
    assert careful.untrusted == [folder / ".axio/mcp.json", folder / ".mcp.json"]
    trusting = find_servers(folder, trusted=True, user=user)
    assert {name: config.command for name, config in trusting.servers.items()} == {
        "shared": "theirs",
        "own": "mine",
        "other": "first",
    }
    assert trusting.untrusted == []
    assert trusting.servers["other"].scope == "project"
    assert trusting.servers["own"].scope == "global"


def test_the_users_file_is_in_the_config_folder() -> None:
    assert user_file({"XDG_CONFIG_HOME": "/c"}) == Path("/c/axio/mcp.json")
    assert user_file({}) == Path.home() / ".config/axio/mcp.json"


def test_an_input_that_only_another_client_can_ask_for_is_refused() -> None:
    config = MCPServerConfig("s", command="x", env={"KEY": "${input:key}"})
    with pytest.raises(ValueError, match=r"'s': .*\$\{input:key\} in its env"):
        expanded(config, {})


def test_a_link_and_the_mode_of_a_file_stay(tmp_path: Path) -> None:
    kept, link, new = (tmp_path / name for name in ("kept.json", "mcp.json", "new.json"))
    kept.write_text("{}")
    kept.chmod(0o644)
    link.symlink_to(kept)
    for file in (link, new):
        add_entry(file, "s", {"command": "x"})
    assert link.is_symlink() and json.loads(kept.read_text())["mcpServers"] == {
        "s": {"command": "x"}
    }
    assert [stat.S_IMODE(file.stat().st_mode) for file in (kept, new)] == [0o644, 0o600]


def test_a_text_that_cannot_be_written_leaves_the_file_and_nothing_else(tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text("{}")
    with pytest.raises(UnicodeEncodeError):
        add_entry(file, "s", {"command": "\ud800"})
    assert file.read_text() == "{}" and [*tmp_path.iterdir()] == [file]
