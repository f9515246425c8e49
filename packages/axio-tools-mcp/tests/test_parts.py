"""The pure parts: lines, names, content, configurations."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from axio.blocks import AudioBlock, ImageBlock, TextBlock
from axio_tools_mcp import MCPServerConfig
from axio_tools_mcp.content import content_of, is_error
from axio_tools_mcp.errors import ConfigError
from axio_tools_mcp.handler import build_handler
from axio_tools_mcp.lines import LineSplitter, LineTooLong
from axio_tools_mcp.names import LONGEST, tool_name
from axio_tools_mcp.variables import expanded
from axio_tools_mcp.witness import Witness

# ── lines ─────────────────────────────────────────────────────────────────────────────────────


@given(st.lists(st.binary(max_size=6)), st.integers(1, 7))
def test_lines_are_the_same_however_they_come(lines: list[bytes], size: int) -> None:
    lines = [line.replace(b"\n", b".") for line in lines]
    stream = b"".join(line + b"\n" for line in lines) + b"rest"
    splitter = LineSplitter(100)
    found: list[bytes] = []
    for start in range(0, len(stream), size):
        found += splitter.feed(stream[start : start + size])
    assert found == lines
    assert splitter.close() == [b"rest"]
    assert splitter.close() == []


@pytest.mark.parametrize("pieces", [[b"12345"], [b"123", b"45"], [b"1\n12345\n"], [b"1\n12345"]])
def test_a_line_beyond_the_limit_is_refused(pieces: list[bytes]) -> None:
    splitter = LineSplitter(4)
    with pytest.raises(LineTooLong, match="4 bytes"):
        for piece in pieces:
            splitter.feed(piece)


# ── names ─────────────────────────────────────────────────────────────────────────────────────

WORDS = st.text(st.sampled_from("ab_-.9 é/"), min_size=1, max_size=5) | st.text(
    st.sampled_from("ab_"), min_size=60, max_size=70
)


@given(st.sets(st.tuples(WORDS, WORDS), min_size=2, max_size=12))
def test_names_are_valid_unique_and_depend_on_nothing_else(pairs: set[tuple[str, str]]) -> None:
    names = {pair: tool_name(*pair) for pair in pairs}
    assert len(set(names.values())) == len(pairs)
    for name in names.values():
        assert len(name) <= LONGEST and name.isascii()
        assert name[0].isalpha() or name[0] == "_"
        assert all(letter.isalnum() or letter in "_-" for letter in name)


def test_a_plain_name_is_the_server_and_the_tool() -> None:
    assert tool_name("my-server", "read_file") == "my-server__read_file"
    long = "x" * 70
    assert tool_name("a", long + "1") != tool_name("a", long + "2")
    assert tool_name("a", long + "1")[:50] == tool_name("a", long + "2")[:50]
    assert tool_name("a", "b__c") != tool_name("a__b", "c")


# ── content ───────────────────────────────────────────────────────────────────────────────────


def part(kind: str, **fields: Any) -> Any:
    return SimpleNamespace(type=kind, **fields)


def result(*parts: Any, **fields: Any) -> Any:
    return SimpleNamespace(content=list(parts), **fields)


def test_texts_are_joined_by_line_ends_and_nothing_is_the_empty_text() -> None:
    assert content_of(result(part("text", text="a"), part("text", text="b")), 100) == "a\nb"
    assert content_of(result(), 100) == ""


@pytest.mark.parametrize(("mime", "other"), [("mime_type", "mimeType"), ("mimeType", "mime_type")])
def test_media_become_blocks_in_either_spelling(mime: str, other: str) -> None:
    image = part("image", data="aGVsbG8=", **{mime: "image/png", other: None})
    sound = part("audio", data="aGVsbG8=", **{mime: "audio/wav"})
    drawing = part("image", data="aGVsbG8=", **{mime: "image/svg+xml"})
    assert content_of(result(image, sound, drawing), 100) == [
        ImageBlock("image/png", b"hello"),
        AudioBlock("audio/wav", b"hello"),
        TextBlock("[image: 5 bytes of image/svg+xml, not shown]"),
    ]


def test_data_that_is_no_base64_and_kinds_that_are_not_known_are_told() -> None:
    broken = part("image", data="a", mime_type="image/png")
    assert content_of(result(broken), 100) == "[image: its data is not base64]"
    assert "not known here: hologram" in str(content_of(result(part("hologram")), 100))


def test_resources_are_told_with_their_address() -> None:
    text = part("resource", resource=SimpleNamespace(uri="a://b", text="words"))
    blob = part(
        "resource", resource=SimpleNamespace(uri="a://c", blob="aGVsbG8=", mime_type="image/gif")
    )
    assert content_of(result(text, blob), 100) == [
        TextBlock("[resource a://b]\nwords"),
        TextBlock("[resource a://c]"),
        ImageBlock("image/gif", b"hello"),
    ]


@pytest.mark.parametrize(
    ("texts", "structured", "told"),
    [
        ([], {"a": 1}, '{"a": 1}'),
        (['{"a": 1}'], {"a": 1}, '{"a": 1}'),
        (["hello"], {"result": "hello"}, "hello"),
        (["3"], {"result": 3}, "3"),
        (["1", "2"], {"result": [1, 2]}, "1\n2"),
        (["2 found"], {"found": [1, 2]}, '2 found\n{"found": [1, 2]}'),
        (["other"], {"result": 3}, 'other\n{"result": 3}'),
        (["words"], None, "words"),
    ],
)
def test_structured_content_is_told_once(texts: list[str], structured: Any, told: str) -> None:
    parts = [part("text", text=text) for text in texts]
    assert content_of(result(*parts, structured_content=structured), 100) == told


def test_long_text_loses_its_middle_and_says_so() -> None:
    text = "a" * 50 + "b" * 50 + "c" * 50
    cut = content_of(result(part("text", text=text)), 100)
    assert isinstance(cut, str)
    assert cut.startswith("a" * 50 + "\n[... 50 characters are left out: the limit is 100 ...]\n")
    assert cut.endswith("c" * 50)


@pytest.mark.parametrize("name", ["is_error", "isError"])
def test_a_failure_is_seen_in_either_spelling(name: str) -> None:
    assert is_error(SimpleNamespace(**{name: True}))
    assert not is_error(SimpleNamespace(**{name: False}))


class Session:
    """Stands in for a session, as programs of users do in their tests."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.calls: list[tuple[Any, ...]] = []

    async def call_tool(self, *arguments: Any) -> Any:
        self.calls.append(arguments)
        return self.answer


async def test_a_handler_has_a_name_a_docstring_and_calls_by_position() -> None:
    session = Session(result(part("text", text="a"), part("text", text="b"), isError=False))
    handler = build_handler("s__t", "t", "Does it.", session)
    assert (handler.__name__, handler.__doc__) == ("s__t", "Does it.")
    assert await handler(x=1) == "a\nb"
    assert session.calls == [("t", {"x": 1})]


@pytest.mark.parametrize(
    ("parts", "words"), [([part("text", text="broken")], "broken"), ([], "MCP tool error")]
)
async def test_a_handler_raises_what_a_result_calls_an_error(parts: list[Any], words: str) -> None:
    handler = build_handler("s__t", "t", "", Session(result(*parts, isError=True)))
    with pytest.raises(RuntimeError, match=words):
        await handler()


# ── configurations ────────────────────────────────────────────────────────────────────────────


def test_a_server_is_a_command_or_a_url() -> None:
    with pytest.raises(ValueError, match=r"Exactly one .* got neither"):
        MCPServerConfig("s")
    with pytest.raises(ValueError, match=r"Exactly one .* got both"):
        MCPServerConfig("s", command="a", url="http://localhost")
    with pytest.raises(ConfigError, match="a command is reached by stdio, not by 'sse'"):
        MCPServerConfig("s", command="a", transport="sse")
    with pytest.raises(ConfigError, match="timeout must be above 0"):
        MCPServerConfig("s", command="a", timeout=0)


CONFIGS = [
    MCPServerConfig("s", command="npx", args=["-y", "x"], env={"A": "1"}, timeout=5.5),
    MCPServerConfig("s", url="http://localhost/mcp", headers={"X": "y"}, transport="sse"),
    MCPServerConfig("s", command="a", tools=["x"], without=["y"], always=True, enabled=False),
    MCPServerConfig("s", command="a", start_timeout=3, pass_variables=["HTTP_PROXY"], cwd="/"),
]


@pytest.mark.parametrize("config", CONFIGS)
def test_a_configuration_survives_as_texts(config: MCPServerConfig) -> None:
    data = config.to_dict()
    assert all(isinstance(value, str) for value in data.values())
    assert not {"name", "scope"} & data.keys()
    assert MCPServerConfig.from_dict("s", data) == config


def test_only_what_is_not_the_default_is_written() -> None:
    assert MCPServerConfig("s", command="a").to_dict() == {"command": "a"}
    assert MCPServerConfig("s", command="a", args=["b"]).to_dict() == {
        "command": "a",
        "args": json.dumps(["b"]),
    }


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"command": "a", "colour": "red"}, "no setting 'colour'"),
        ({"command": "a", "args": "x"}, "args cannot be read"),
        ({"command": "a", "args": "{}"}, "args cannot be read"),
        ({"command": "a", "timeout": "soon"}, "timeout cannot be read"),
    ],
)
def test_texts_that_mean_nothing_are_refused(data: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=f"server 's': .*{words}"):
        MCPServerConfig.from_dict("s", data)


def test_no_secret_is_shown() -> None:
    secret = "sk-0123456789"
    url = f"https://user:{secret}@host/mcp?key={secret}"
    for config in (
        MCPServerConfig("s", command="a", args=[secret], env={"KEY": secret}),
        MCPServerConfig("s", url=url, headers={"Authorization": secret}),
    ):
        assert secret not in repr(config) + str(config)
    assert "https://host/mcp" in repr(config)


def test_variables_are_replaced_in_every_text() -> None:
    config = MCPServerConfig(
        "s",
        command="${BIN}/x",
        args=["${MISSING:-y}", "$BIN", "${EMPTY:-z}", "${BIN:-w}"],
        env={"K": "${env:BIN}"},
        cwd="${workspaceFolder}",
    )
    made = expanded(config, {"BIN": "/bin", "EMPTY": "", "workspaceFolder": "/w"})
    assert (made.command, made.args) == ("/bin/x", ["y", "$BIN", "z", "/bin"])
    assert (made.env, made.cwd) == ({"K": "/bin"}, "/w")
    with pytest.raises(ConfigError, match="'s': the variable MISSING in its headers is not set"):
        expanded(MCPServerConfig("s", url="http://x", headers={"A": "${MISSING}"}), {})


# ── causes ────────────────────────────────────────────────────────────────────────────────────


def test_the_cause_is_what_was_seen_of_the_server() -> None:
    witness = Witness("s")
    nested = ExceptionGroup("", [ExceptionGroup("", [ValueError("a\n b")])])
    assert witness.tell(nested) == "a b"
    witness.media_type = "text/html"
    assert "HTML page" in witness.tell(nested)
    witness.status = 401
    assert witness.tell(nested).startswith("it answered 401 Unauthorized; sign in with `axio mcp")
    witness.ended = "it ended with exit code 1"
    assert witness.tell(nested) == "it ended with exit code 1"
