"""Addresses, tokens, messages and modes: what needs no server."""

from __future__ import annotations

import json
import socket

import pytest
from hypothesis import given, strategies as st

from axio_tui.args import build_parser
from axio_tui.errors import WrongUse
from axio_tui.serve.address import Address, address_in
from axio_tui.serve.command import options_of_the_application
from axio_tui.serve.messages import Malformed, Ping, Size, Typed, message_in, size_in
from axio_tui.serve.modes import Modes
from axio_tui.serve.pace import Pace
from axio_tui.serve.ticket import Ticket

# ── addresses ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("localhost:8086", "localhost", 8086), ("[::1]:1", "::1", 1), ("127.0.0.1:0", "127.0.0.1", 0)],
)
def test_an_address_is_read_and_written(text: str, host: str, port: int) -> None:
    assert address_in(text) == Address(host, port) and str(address_in(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "8086", ":8086", "localhost", "localhost:", "localhost:x", "localhost:65536", "::1:80",
     "http://localhost:80", "localhost:80/", "a@localhost:80", "local host:80", "localhost:-1"],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(WrongUse, match=r"no address; say HOST:PORT, such as localhost:8086"):
        address_in(text)


@pytest.mark.parametrize(
    ("header", "is_meant"),
    [("localhost:8086", True), ("LOCALHOST:8086", True), ("127.0.0.1:8086", False),
     ("localhost", False), ("localhost:8087", False), ("evil.example:8086", False), ("", False),
     ("localhost:8086.evil.example", False), ("x@localhost:8086", False), ("[::1]:8086", False),
     ("localhost:8086/", False), ("localhost.:8086", False), ("localhost:8086 ", False)],
)  # fmt: skip
def test_only_the_name_that_was_printed_is_meant(header: str, is_meant: bool) -> None:
    assert Address("localhost", 8086).is_meant_by(header) is is_meant


def test_all_addresses_are_meant_by_numbers_which_nobody_can_point_elsewhere() -> None:
    everywhere = address_in("0.0.0.0:8086")
    for header in ("192.0.2.7:8086", "localhost:9000", f"{socket.gethostname()}:8086", "[::1]:80"):
        assert everywhere.is_meant_by(header)
    for header in ("evil.example:8086", "192.0.2.7.evil.example:8086", "192.0.2.300:8086"):
        assert not everywhere.is_meant_by(header)


@given(st.text(max_size=30))
def test_any_host_is_meant_or_not_and_raises_nothing(header: str) -> None:
    assert Address("localhost", 8086).is_meant_by(header) == (header.lower() == "localhost:8086")


# ── tokens ────────────────────────────────────────────────────────────────────────────────────


def test_a_token_is_good_once_and_the_cookie_only_after_it() -> None:
    ticket = Ticket()
    token = ticket.token
    assert ticket.exchange("") is None and ticket.exchange(token[:-1]) is None
    assert ticket.exchange(token.swapcase()) is None and ticket.token == token
    cookie = ticket.exchange(token)
    assert cookie is not None and cookie != token and len(cookie) > 40
    assert ticket.admits(cookie) and not ticket.admits("") and not ticket.admits(token)
    assert ticket.exchange(token) is None and ticket.exchange("") is None and ticket.token == ""


def test_tickets_are_all_different_and_tell_nothing_of_themselves() -> None:
    tickets = [Ticket() for _ in range(50)]
    assert len({t.token for t in tickets}) == len({t.place for t in tickets}) == 50
    assert not any(t.token in repr(t) for t in tickets)


@given(st.text(max_size=60))
def test_no_other_text_is_a_token_or_a_cookie(text: str) -> None:
    ticket = Ticket()
    assert ticket.exchange(text) is None
    ticket.exchange(ticket.token)
    assert not ticket.admits(text)


# ── messages ──────────────────────────────────────────────────────────────────────────────────


def test_messages_of_a_page_are_understood() -> None:
    assert message_in('["stdin", "\\u001b[A\\u00e9"]') == Typed(b"\x1b[A\xc3\xa9")
    assert message_in('["stdin", "a\\ud800b"]') == Typed("a\ufffdb".encode())
    assert message_in('["stdin", "\\ud83d\\ude00"]') == Typed("😀".encode())
    assert message_in('["resize", {"width": 120, "height": 40}]') == Size(120, 40)
    assert message_in('["ping", "17"]') == Ping("17")
    assert message_in('["blur"]') is None and message_in('["focus"]') is None


@pytest.mark.parametrize(
    "text",
    ["", "x", "[]", "{}", "null", '"stdin"', '["stdin"]', '["stdin", 1]', '["stdin", "a", "b"]',
     '["resize", {}]', '["resize", {"width": 0, "height": 1}]', '["resize", [80, 24]]',
     '["resize", {"width": 80, "height": -1}]', '["resize", {"width": 80.0, "height": 24}]',
     '["resize", {"width": true, "height": 24}]', '["resize", {"width": 99999999, "height": 24}]',
     '["resize", {"width": NaN, "height": 24}]', '["exit"]', '["open_url", "x"]', "[" * 100_000,
     '["ping", "' + "x" * 1000 + '"]', '["resize", {"width": ' + "9" * 5000 + ', "height": 1}]'],
)  # fmt: skip
def test_what_a_page_does_not_send_is_malformed(text: str) -> None:
    with pytest.raises(Malformed):
        message_in(text)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)


@given(st.sampled_from(["stdin", "resize", "ping", "focus", "x"]), st.lists(_JSON, max_size=2))
def test_any_message_is_checked_or_malformed(name: str, rest: list[object]) -> None:
    try:
        message = message_in(json.dumps([name, *rest]))
    except Malformed:
        return
    if isinstance(message, Size):
        assert 1 <= message.columns <= 1000 and 1 <= message.lines <= 500
    elif isinstance(message, Typed):
        message.data.decode()


@pytest.mark.parametrize(
    "query", [{}, {"width": "80"}, {"width": "NaN", "height": "NaN"}, {"width": "0", "height": "1"},
              {"width": "-5", "height": "9" * 5000}],
)  # fmt: skip
def test_a_page_that_does_not_know_its_size_begins_with_the_usual_one(
    query: dict[str, str],
) -> None:
    assert size_in(query) == Size(80, 24)
    assert size_in({"width": "132", "height": "50"}) == Size(132, 50)


# ── pace ──────────────────────────────────────────────────────────────────────────────────────


def test_hands_and_a_mouse_are_not_slowed_and_a_flood_is() -> None:
    pace = Pace(now=0)
    assert all(pace.delay(20, n / 500) == 0 for n in range(5_000))  # a quick mouse, for ten seconds
    assert pace.delay(4 * 2**20, 10.0) == 0  # a paste
    flood = [pace.delay(20, 10.0) for _ in range(10_000)]
    assert flood[0] == 0 and flood[-1] > 5


# ── modes ─────────────────────────────────────────────────────────────────────────────────────

_PIECES = ["\x1b[?1049h", "\x1b[?1000h", "\x1b[?1000l", "\x1b[?25l", "\x1b[?1006;2004h", "text",
           "\x1b[2J", "\x1b[?", "\x1b", "é", "\x1b[?2026$p"]  # fmt: skip


def test_a_new_terminal_gets_the_modes_of_the_first() -> None:
    modes = Modes()
    modes.feed(b"\x1b[?1049h\x1b[?1000hwords\x1b[?25l\x1b[?1000l\x1b[?2004;1004h")
    replay = modes.replay()
    assert replay.startswith(b"\x1b[?1049h")
    assert set(replay.replace(b"\x1b", b" ").split()) == {
        b"[?1049h", b"[?25l", b"[?1000l", b"[?2004h", b"[?1004h",
    }  # fmt: skip


@given(st.lists(st.sampled_from(_PIECES)), st.data())
def test_modes_do_not_depend_on_how_the_bytes_are_cut(
    pieces: list[str], data: st.DataObject
) -> None:
    text = "".join(pieces).encode()
    whole, cut = Modes(), Modes()
    whole.feed(text)
    while text:
        size = data.draw(st.integers(1, len(text)))
        cut.feed(text[:size])
        text = text[size:]
    assert cut.replay() == whole.replay()


def test_a_program_that_invents_modes_takes_no_memory() -> None:
    modes = Modes()
    for number in range(10_000):
        modes.feed(b"\x1b[?%dh" % number)
    modes.feed(b"\x1b[?" + b"1;" * 100_000)
    assert len(modes.replay()) < 2_000


# ── options ───────────────────────────────────────────────────────────────────────────────────

OPTIONS = ["-t", "scripted", "--model=m", "--tools", "a,b", "-c", "--resume", "x", "--sandbox",
           "read-only", "--system", "be brief", "--max-cost", "2", "--plain", "-y"]  # fmt: skip


@pytest.mark.parametrize(
    "ours", [["--serve"], ["--serve", "--web-listen", "localhost:1"], ["--serv", "--web-l=h:1"]]
)
def test_options_are_handed_on_to_the_application(ours: list[str]) -> None:
    for at in range(0, len(OPTIONS), 1):
        given = [*OPTIONS[:at], *ours, *OPTIONS[at:]]
        try:
            parsed = build_parser().parse_args(given)
        except SystemExit:
            continue  # it tore an option from its value
        assert parsed.serve and options_of_the_application(given) == OPTIONS
        assert not build_parser().parse_args(OPTIONS).serve
