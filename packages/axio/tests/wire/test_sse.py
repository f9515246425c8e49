"""Events from bytes: every clause of the standard, however the bytes are cut."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, strategies as st

from axio.wire.sse import ServerSentEvent as Event, SSEDecoder


def said(*texts: str) -> list[Event]:
    return [Event("message", text) for text in texts]


CASES: dict[str, tuple[bytes, list[Event]]] = {
    "a line, a blank line": (b"data: a\n\n", said("a")),
    "carriage returns": (b"data: a\r\rdata: b\r\r", said("a", "b")),
    "both": (b"data: a\r\n\r\ndata: b\r\n\r\n", said("a", "b")),
    "all mixed": (
        b"data: a\r\ndata: b\n\rdata: c\r\n\n",
        said("a\nb", "c"),
    ),
    "no space behind the colon": (b"data:a\n\n", said("a")),
    "only one space is taken away": (b"data:  a\n\n", said(" a")),
    "a tab is not": (b"data:\ta\n\n", said("\ta")),
    "several lines": (b"data: a\ndata:\ndata: b\n\n", said("a\n\nb")),
    "a field without a colon": (b"data\n\n", said("")),
    "two of them": (b"data\ndata\n\n", said("\n")),
    "a colon in the value": (b"data: a: b\n\n", said("a: b")),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", said("a")),
    "only one of them": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
    "and only at the start": (b"\n\xef\xbb\xbfdata: a\n\n", []),
    "comments": (b": ping\n\n:\n\n:data: x\ndata: a\n\n", said("a")),
    "a type": (b"event: x\ndata: a\n\ndata: b\n\n", [Event("x", "a"), *said("b")]),
    "the last type counts": (b"event: x\nevent: y\ndata: a\n\n", [Event("y", "a")]),
    "an empty type": (b"event: x\nevent\ndata: a\n\n", said("a")),
    "a type without data": (b"event: x\n\ndata: a\n\n", said("a")),
    "an id stays": (
        b"id: 1\ndata: a\n\ndata: b\n\n",
        [Event("message", "a", "1"), Event("message", "b", "1")],
    ),
    "an empty id resets": (
        b"id: 1\ndata: a\n\nid\ndata: b\n\n",
        [Event("message", "a", "1"), *said("b")],
    ),
    "an id with a null is none": (b"id: 1\nid: 2\0\ndata: a\n\n", [Event("message", "a", "1")]),
    "an id without data stays too": (b"id: 1\n\ndata: a\n\n", [Event("message", "a", "1")]),
    "unknown fields": (
        b"x: y\ndatas: b\n data: c\nDATA: d\nerror: e\ndata: a\n\n",
        said("a"),
    ),
    "not UTF-8": (b"data: \xff\xc3\n\n", said("\ufffd\ufffd")),
    "separators that are no line ends": (
        "data: a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g\n\n".encode(),
        said("a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g"),
    ),
    "characters of several bytes": ("data: äöü €😀\n\n".encode(), said("äöü €😀")),
    "no blank line at the end": (
        b"data: a\n\ndata: b\n",
        said("a", "b"),
    ),
    "no line end at the end": (
        b"data: a\n\ndata: b",
        said("a", "b"),
    ),
    "a return at the end": (b"data: a\r", said("a")),
    "nothing": (b"", []),
    "only blank lines": (b"\n\r\r\n\n\n", []),
}


def decoded(chunks: Iterable[bytes], **options: bool) -> list[Event]:
    decoder = SSEDecoder(**options)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return events + decoder.close()


def singles(body: bytes) -> list[bytes]:
    return [body[at : at + 1] for at in range(len(body))]


@pytest.mark.parametrize("name", CASES)
def test_every_clause_holds_whole_in_single_bytes_and_in_any_two_pieces(name: str) -> None:
    body, events = CASES[name]
    assert decoded([body]) == events
    assert decoded(singles(body)) == events
    assert decoded(piece for byte in singles(body) for piece in (b"", byte, b"")) == events
    for cut in range(len(body)):
        assert decoded([body[:cut], body[cut:]]) == events


@given(
    st.binary(max_size=60).map(lambda b: b.replace(b"x", b"data: ").replace(b"y", b"\n\n")),
    st.data(),
)
def test_where_the_bytes_are_cut_changes_nothing(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=8).map(sorted))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert decoded(pieces) == decoded([body])


LINES = st.sampled_from(
    [
        "data: a",
        "data:b",
        "data",
        "event: e",
        "event",
        "id: 1",
        "id",
        ":c",
        "",
        "",
        "retry: 5",
        "z: 1",
    ]
)


@given(st.lists(st.tuples(LINES, st.sampled_from(["\n", "\r", "\r\n"]))))
def test_it_reads_what_the_steps_of_the_standard_read(lines: list[tuple[str, str]]) -> None:
    body = "".join(line + end for line, end in lines)
    # "\r" before an empty line ended by "\n" is one line end, in the body and in the model below
    assert decoded([body.encode()]) == by_the_book(body)


def by_the_book(text: str) -> list[Event]:
    """The standard's steps, one by one, over the whole text; plus an event that the end cuts."""
    events: list[Event] = []
    data = kind = last_id = ""
    for line in [*text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), ""]:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                events.append(Event(kind or "message", data.removesuffix("\n"), last_id))
            data = kind = ""
        elif field == "event":
            kind = value
        elif field == "data":
            data += value + "\n"
        elif field == "id":
            last_id = value
    return events


def test_the_time_to_wait_before_reconnecting_is_kept() -> None:
    decoder = SSEDecoder()
    decoder.feed(b"retry: 1500\nretry: x\nretry: -1\nretry: " + b"9" * 5000 + b"\n")
    assert decoder.retry == 1500


@pytest.mark.parametrize("blank", [b" ", b"", b"  "])
def test_an_error_line_is_an_event_where_that_is_asked_for(blank: bytes) -> None:
    body = b"data: a\n\nerror:" + blank + b'{"message": "full"}\n\n'
    assert decoded([body]) == [Event("message", "a")]
    events = [Event("message", "a"), Event("error", '{"message": "full"}')]
    assert decoded([body], error_field=True) == events
    assert decoded(singles(body), error_field=True) == events


# The two below take a tenth of a second. Time that grew with the square of the input would take
# minutes.


@pytest.mark.timeout(20)
def test_a_line_of_10_mb_may_come_in_small_pieces() -> None:
    decoder = SSEDecoder()
    decoder.feed(b"data: ")
    for _ in range(100_000):
        assert decoder.feed(b"x" * 100) == []
    assert decoder.feed(b"\n\n") == said("x" * 10_000_000)


@pytest.mark.timeout(20)
def test_an_event_may_have_200_000_data_lines() -> None:
    decoder = SSEDecoder()
    for _ in range(200_000):
        assert decoder.feed(b"data: 0123456789\n") == []
    assert decoder.close() == said("\n".join(["0123456789"] * 200_000))
