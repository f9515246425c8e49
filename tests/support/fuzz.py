"""Sessions made up from a seed, and what must hold of each however it went. Pure.

`session(random)` makes one up, `support.playing.play` plays it, `judge` names all that is wrong
with the record of that. Time is counted in turns of the event loop.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from axio.blocks import TextBlock, ToolResultBlock, ToolUseBlock
from axio.events import Error, SessionEndEvent, StreamEvent, ToolResult, ToolUseStart
from axio.exceptions import (
    ContentFiltered,
    LimitReached,
    ProviderError,
    StreamError,
    UnexpectedError,
)
from axio.history import INTERRUPTED, UNKNOWN_OUTCOME, calls_of, check
from axio.messages import Message
from axio.types import StopReason

# fmt: off
__all__ = (
    "Call", "Record", "Response", "RunPlan", "RunRecord", "Session", "Stop", "StoreDown",
    "StoreFault", "judge", "session", "with_store_faults",
)
# fmt: on


class StoreDown(OSError):
    """The error of a store that fails."""


# ── the plan ──────────────────────────────────────────────────────────────────────────────────

TEMPERS = (
    *("quick", "waits", "streams", "swallows", "tidies", "fails", "breaks_off", "cancels_itself"),
    *("leaves_early", "stops_the_run", "cancels_the_stream", "steers", "calls_inside"),
    *("delegates", "denied", "deferred", "one_at_a_time", "looks_up", "unknown"),
)
NEVER_RUN = frozenset(("denied", "unknown"))
EAGER = "looks_up"


@dataclass(frozen=True, slots=True)
class Call:
    """A call of the tool `temper`; `n` is an argument that no other call of the session has."""

    n: int
    temper: str
    turns: int
    id: str
    readable: bool = True


@dataclass(frozen=True, slots=True)
class Response:
    """Text in pieces, then calls; `pause` turns before each event.

    `end` is "well", "cut", "limit" (of output), "bad" (the stop reason is an error), or an error
    that is raised before event number `at`. Where it `swallows`, one cancel is without effect.
    """

    texts: tuple[str, ...]
    calls: tuple[Call, ...]
    pause: int = 1
    end: str | Exception = "well"
    at: int = 0
    swallows: bool = False


BAD_ENDS: tuple[str | Exception, ...] = (
    *("cut", "limit", "bad", ContentFiltered("refused")),
    *(ProviderError("busy", status=529), OSError("pipe"), ValueError("a bug")),
)


@dataclass(frozen=True, slots=True)
class Stop:
    """In this turn: a cancel of the consumer's task ("task"), `stream.cancel()` ("stream"), a limit
    of time ("limit"), `Run.stop` ("enough"), or `aclose()` from another task ("close")."""

    turn: int
    kind: str


@dataclass(frozen=True, slots=True)
class StoreFault:
    """Operation number `at` of the session fails `before` or `after` its effect,
    or is slow there."""

    at: int
    where: str
    turns: int = 0
    fails: bool = True


@dataclass(frozen=True, slots=True)
class RunPlan:
    """`reader` takes the events: "loop", "slow", "tasks" (each in one of its own), "leaves" after
    `take` events, "drops" the stream there, "text", or "end"."""

    responses: tuple[Response, ...]
    reader: str = "loop"
    take: int = 0
    stops: tuple[Stop, ...] = ()
    budget: tuple[tuple[str, float], ...] = ()
    approve: bool | None = None
    """The decision about the calls that wait by then; None to leave them. The run is a resumed one
    where a decision was made."""


@dataclass(frozen=True, slots=True)
class Session:
    """`pace` are the turns that the store takes before and after each effect."""

    runs: tuple[RunPlan, ...]
    pace: int = 0
    faults: tuple[StoreFault, ...] = ()


class _Author:
    def __init__(self, random: Random) -> None:
        self.random = random
        self.calls = 0
        self.texts = 0

    def call(self) -> Call:
        random = self.random
        self.calls += 1
        id = f"id{self.calls}" if random.random() < 0.9 else "same"
        temper = random.choice(TEMPERS)
        return Call(self.calls, temper, random.randrange(7), id, random.random() < 0.95)

    def response(self, with_calls: bool) -> Response:
        random = self.random
        texts = []
        for _ in range(random.randrange(0 if with_calls else 1, 4)):
            self.texts += 1
            texts.append(f"text {self.texts}. ")
        calls = [self.call() for _ in range(random.randint(1, 4) if with_calls else 0)]
        found = Response(tuple(texts), tuple(calls), random.randrange(3))
        if random.random() < 0.15:
            found = replace(found, end=random.choice(BAD_ENDS), at=random.randrange(8))
        return replace(found, swallows=random.random() < 0.1)

    def run(self, stops: int) -> RunPlan:
        random = self.random
        turns = random.choice((0, 1, 1, 2, 3))
        responses = [*(self.response(True) for _ in range(turns)), self.response(False)]
        readers = ("loop",) * 4 + ("slow", "tasks", "leaves", "drops", "text", "end")
        first = random.randrange(60)
        chosen = [
            # Mostly close together: that is where they meet.
            Stop(first + random.choice((0, 0, 1, 2, 5, 20)), random.choice(KINDS_OF_STOP))
            for _ in range(stops)
        ]
        budget: tuple[tuple[str, float], ...] = ()
        if random.random() < 0.15:
            limit = random.choice(("requests", "tool_calls", "tokens", "seconds"))
            used = 0.002 if limit == "seconds" else random.randint(1, 6)
            budget = ((limit, used),)
        return RunPlan(
            tuple(responses),
            random.choice(readers),
            random.randint(1, 12),
            tuple(sorted(chosen, key=lambda stop: stop.turn)),
            budget,
            random.choice((None, True, True, False)),
        )


KINDS_OF_STOP = ("task", "task", "stream", "stream", "limit", "enough", "close")


def session(random: Random, stops: int = 1) -> Session:
    """One to three runs on one store, each with up to `stops` stops, or exactly so many from two
    on."""
    author = _Author(random)
    count = random.randint(1, 3)
    return Session(
        tuple(author.run(stops if stops > 1 else random.randrange(2)) for _ in range(count)),
        random.choice((0, 0, 1, 2)),
    )


def with_store_faults(plan: Session, random: Random) -> Session:
    """The same on a store that fails, or is slow, one to three times."""
    faults = [
        StoreFault(
            random.randrange(14 * len(plan.runs)),
            random.choice(("before", "after")),
            random.randrange(6),
            random.random() < 0.7,
        )
        for _ in range(random.randint(1, 3))
    ]
    return replace(plan, faults=tuple(faults))


# ── the record, and its judge ─────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class RunRecord:
    plan: RunPlan
    first_turn: int = 0
    events: list[StreamEvent] = field(default_factory=list)
    raised: BaseException | None = None
    task_cancels: int = 0
    """The cancels of the consumer's task that its task took on."""
    stopped: int | None = None
    """The turn of the first stop that the run was told of, if it had not ended by then."""
    was_left: bool = False
    """True if the consumer did not read to the end, or another task closed the stream."""
    swallowed: bool = False
    """True if a transport has swallowed a cancel."""
    requests: list[int] = field(default_factory=list)
    """The turns in which the model was asked."""
    starts: list[int] = field(default_factory=list)
    """The turns in which a tool was started."""
    hangs: bool = False
    tasks_left: int = 0
    running: int = 0
    streams_open: int = 0
    history: Sequence[Message] = ()
    last_operation_failed: bool = False
    store_failures: int = 0


@dataclass(slots=True)
class Record:
    """How a session went. `started` and `ended` are by the argument `n` of the calls; a call that
    raised has ended in None."""

    plan: Session
    runs: list[RunRecord] = field(default_factory=list)
    started: Counter[int] = field(default_factory=Counter)
    ended: dict[int, str | None] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    """The messages put in by steering that the run has taken on."""
    complaints: list[str] = field(default_factory=list)
    """The errors that the event loop alone was told of."""
    last_words: BaseException | str = ""
    """The answer of one more run on the same store, or its error."""
    history: Sequence[Message] = ()
    """The history after that."""


def judge(record: Record) -> list[str]:
    """Everything that is wrong with it."""
    faults = [
        f"run {number}: {fault}"
        for number, run in enumerate(record.runs)
        for fault in _faults_of(run)
    ]
    if record.last_words != "Here I am.":
        faults.append(f"the session cannot go on: {record.last_words!r}")
    faults += [f"history in the end: {problem.text}" for problem in check(record.history)]
    faults += [f"the event loop complains: {text}" for text in record.complaints]
    faults += _repeated(record.history)
    faults += _lost_notes(record)
    faults += _unanswered(record)
    return faults


def _faults_of(run: RunRecord) -> Iterator[str]:
    if run.hangs:
        yield "it hangs"
    for count, thing in [
        (run.tasks_left, "tasks left"),
        (run.running, "tools still running"),
        (run.streams_open, "responses still open"),
    ]:
        if count:
            yield f"{count} {thing}"
    if not run.last_operation_failed:
        for problem in check(run.history):
            yield f"history: {problem.text}"
    yield from _lost_stops(run)
    yield from _wrong_endings(run)


def _lost_stops(run: RunRecord) -> Iterator[str]:
    # A cancel from outside that a transport swallows is over; one of the stream's is remembered,
    # until the run ends with an error of its own or the next event is taken by another task.
    errors = [event.exception for event in run.events if isinstance(event, Error)]
    failed = any(not isinstance(exc, LimitReached) for exc in [*errors, run.raised] if exc)
    excused = run.swallowed and (run.stopped is None or failed or run.plan.reader == "tasks")
    if run.task_cancels and not isinstance(run.raised, CancelledError) and not excused:
        yield f"a cancel of the consumer's task was lost: it ended with {run.raised!r}"
    if run.stopped is not None:
        # In the next turn the consumer is told, in the one after that it is seen to: until then
        # what was on its way goes on.
        late = [turn for turn in [*run.requests, *run.starts] if turn > run.stopped + 2]
        if late:
            yield f"a stop in turn {run.stopped} was lost: requests and tools in {late}"


def _wrong_endings(run: RunRecord) -> Iterator[str]:
    ends = [event for event in run.events if isinstance(event, SessionEndEvent)]
    errors = [event for event in run.events if isinstance(event, Error)]
    told = Counter(event.tool_use_id for event in run.events if isinstance(event, ToolResult))
    begun = {event.tool_use_id for event in run.events if isinstance(event, ToolUseStart)}
    # Two calls of one response may have the same id on the wire, until it is closed.
    if doubles := [id for id, count in told.items() if count > 1 and id in begun and id != "same"]:
        yield f"calls that ended twice: {doubles}"
    if len(ends) > 1 or len(errors) > 1:
        yield f"{len(ends)} ends, {len(errors)} errors"
    if run.raised is None:
        reads = run.plan.reader in ("loop", "slow", "tasks")
        if reads and not run.was_left:
            if not run.events or not isinstance(run.events[-1], SessionEndEvent):
                yield f"the last event is {run.events[-1:]}"
            elif ends[0].stop_reason is StopReason.end_turn and errors:
                yield "an error, and a good end"
            for id in begun - told.keys() - {"same"}:
                yield f"the call {id} was begun and never ended"
    elif isinstance(run.raised, StoreDown):
        if not run.store_failures:
            yield "a failure of a store that did not fail"
    elif isinstance(run.raised, StreamError):
        if run.plan.reader not in ("text", "end"):
            yield f"an iteration raised {run.raised!r}"
        cause = run.raised.__cause__
        # Without one the run was closed meanwhile.
        expected = type(cause) if isinstance(cause, StreamError) else UnexpectedError
        if cause is not None and type(run.raised) is not expected:
            yield f"{cause!r} was raised as {run.raised!r}"
    elif run.was_left and "already running" in str(run.raised):
        pass  # Another task was closing the stream, and only one at a time may use it.
    elif not run.task_cancels:
        yield f"the consumer got {run.raised!r}"


def _repeated(history: Iterable[Message]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for message in history:
        for block in message.content:
            if isinstance(block, TextBlock):
                seen.update(part for part in block.text.split(". ") if part)
            elif isinstance(block, ToolUseBlock) and "n" in block.input:
                seen[f"call {block.input['n']}"] += 1
    return (f"{thing!r} is stored {count} times" for thing, count in seen.items() if count > 1)


def _lost_notes(record: Record) -> Iterator[str]:
    if any(run.store_failures for run in record.runs):
        return
    texts = {
        block.text
        for message in record.history
        for block in message.content
        if isinstance(block, TextBlock)
    }
    yield from (f"{note!r} was taken on and is lost" for note in record.notes if note not in texts)


def _unanswered(record: Record) -> Iterator[str]:
    """Calls whose stored result is not how their tool ended."""
    tempers = {
        call.n: call.temper
        for run in record.plan.runs
        for response in run.responses
        for call in response.calls
    }
    results = {call.input["n"]: result for call, result in answered(record.history)}
    failed = any(run.store_failures for run in record.runs)
    for n, count in record.started.items():
        temper = tempers.get(n)
        if count > 1 and temper != EAGER:
            yield f"call {n} ({temper}) ran {count} times"
        if temper in NEVER_RUN:
            yield f"call {n} ({temper}) ran"
        if temper is None or temper == EAGER:
            continue  # Called from inside another one, or free to be wasted.
        result = results.get(n)
        if result is None:
            yield f"call {n} ({temper}) ran and has no result"
        elif fault := _wrong_result(result, record.ended.get(n, INTERRUPTED), failed):
            yield f"call {n} ({temper}) {fault}: {result}"
    for n, result in results.items():
        if n not in record.started and not result.is_error:
            yield f"call {n} ({tempers[n]}) never ran and has the result {result}"


def _wrong_result(result: ToolResultBlock, ended: str | None, failed: bool) -> str | None:
    if failed and result.is_error and result.content == UNKNOWN_OUTCOME:
        return None  # Its result could not be stored.
    if ended is None:
        return None if result.is_error else "failed"
    if ended == INTERRUPTED:
        told = str(result.content).endswith((INTERRUPTED, UNKNOWN_OUTCOME))
        return None if result.is_error and told else "was interrupted"
    return None if result.content == ended and not result.is_error else f"gave {ended!r}"


def answered(history: Sequence[Message]) -> Iterator[tuple[ToolUseBlock, ToolResultBlock]]:
    """Each call with an `n` in it, and its result."""
    for index, message in enumerate(history[:-1], 1):
        results = {
            block.tool_use_id: block
            for block in history[index].content
            if isinstance(block, ToolResultBlock)
        }
        for call in calls_of(message):
            if call.id in results and "n" in call.input:
                yield call, results[call.id]
