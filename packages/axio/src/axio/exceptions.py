"""Everything axio raises, ordered by whose fault it was.

    AxioError
    ├── ToolError                  a tool call failed; the model is told, the run goes on
    │   ├── GuardError             a guard said no
    │   │   └── Deferred           not yet: a person has to decide first, or its result comes later
    │   └── HandlerError           wrong arguments, or the handler raised
    ├── StreamError                a run failed; this is what `Agent.run` raises
    │   │                          ── the model's side
    │   ├── ProviderError          the provider answered with an error
    │   ├── ContentFiltered        the provider refused or cut the content
    │   ├── ConnectionFailed       the provider could not be reached, or went away
    │   │   └── StreamTimeout      it was reached and then said nothing
    │   ├── ProtocolError          the response is not what the protocol allows
    │   ├── TruncatedStream        the response stopped in the middle
    │   ├── ModelStopped           the model ended its turn without an answer
    │   │   └── OutputLimit        its output limit was too short for one
    │   │                          ── the caller's side
    │   ├── UnsupportedContent     the caller sends something the provider cannot take
    │   ├── LimitReached           a budget the caller set is used up
    │   │                          ── neither side's
    │   └── UnexpectedError        a fault in a transport or a wrapper: `__cause__` is it
    ├── HistoryError               a history that cannot be sent, or a cut that would break it
    ├── SessionBusy                another run owns the session
    │   └── SessionLost            this run owned it and was taken for dead
    ├── StoreError                 a store cannot be used; what was to be written is not written
    │   ├── StoreBusy              others are in the way for too long
    │   ├── StoreFull              no space is left
    │   ├── StoreReadOnly          it may be read but not written
    │   ├── StoreDamaged           it holds what no store has written
    │   └── StoreTooNew            a later release has changed its tables
    └── OutputError                the model gave no answer of the wanted type

`str(e)` is the message. `StreamError` and its children carry more, all optional; `LimitReached` and
`OutputError` have a `reason`.
"""

from __future__ import annotations

__all__ = (
    "AxioError",
    "ConnectionFailed",
    "ContentFiltered",
    "Deferred",
    "GuardError",
    "HandlerError",
    "HistoryError",
    "LimitReached",
    "ModelStopped",
    "OutputError",
    "OutputLimit",
    "ProtocolError",
    "ProviderError",
    "SessionBusy",
    "SessionLost",
    "StoreBusy",
    "StoreDamaged",
    "StoreError",
    "StoreFull",
    "StoreReadOnly",
    "StoreTooNew",
    "StreamError",
    "StreamTimeout",
    "ToolError",
    "TruncatedStream",
    "UnexpectedError",
    "UnsupportedContent",
)


class AxioError(Exception):
    """The root: catch this to catch everything axio raises on purpose."""


class ToolError(AxioError):
    """A tool call failed."""


class GuardError(ToolError):
    """A guard refused the call."""


class Deferred(GuardError):
    """A guard leaves the call to a person who is not there now, or a handler that has begun it says
    that its result comes later: see `axio.approval`."""

    has_begun = False
    """True once a handler has raised it."""


class HandlerError(ToolError):
    """The arguments did not fit, or the handler raised."""


class StreamError(AxioError):
    """A run failed.

    `status` is the HTTP status if there was one, `code` the provider's own error type or code,
    `request_id` what its support asks for, `retryable` whether the same request may work later:
    where it is not given, the class knows. `retry_after` are the seconds that the provider asks to
    wait before that. None of them ever holds a credential.
    """

    def __init__(
        self,
        *args: object,
        status: int | None = None,
        code: str | None = None,
        request_id: str | None = None,
        retryable: bool | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(*args)
        self.status = status
        self.code = code
        self.request_id = request_id
        self.retryable = self._may_work_later() if retryable is None else retryable
        self.retry_after = retry_after

    def _may_work_later(self) -> bool:
        return False


class ProviderError(StreamError):
    """The provider answered with an error, as an HTTP status or inside the stream.

    Retryable, unless said otherwise, when its status passes.
    """

    @staticmethod
    def passes(status: int) -> bool:
        """True for an HTTP status that is worth another try: 429, and every error of a server."""
        return status == 429 or status >= 500

    def _may_work_later(self) -> bool:
        return self.status is not None and self.passes(self.status)


class ContentFiltered(StreamError):
    """The provider refused to answer, or its filter stopped the answer."""


class ConnectionFailed(StreamError):
    """The provider could not be reached, or the connection broke. Retryable, unless said
    otherwise."""

    def _may_work_later(self) -> bool:
        return True


class StreamTimeout(ConnectionFailed):
    """The provider stayed silent for longer than allowed."""


class ProtocolError(StreamError):
    """The response is not what the protocol allows: HTML, broken JSON, a missing field."""


class TruncatedStream(StreamError):
    """The response ended before it was complete."""


class ModelStopped(StreamError, RuntimeError):
    """The model ended its turn with a stop reason that is not an answer."""


class OutputLimit(ModelStopped):
    """The model reached its output limit before it had finished."""


class UnsupportedContent(StreamError):
    """A message holds content that this provider cannot take; raised before anything is sent."""


class LimitReached(StreamError):
    """A limit of the run is used up. `reason` names it: "tokens", "cost", "time", ..."""

    def __init__(self, *args: object, reason: str = "") -> None:
        super().__init__(*args)
        self.reason = reason


class UnexpectedError(StreamError):
    """A fault in a transport, a wrapper or a store, which no provider has sent."""


class HistoryError(AxioError):
    """A history is not valid, or an operation would make it so."""


class SessionBusy(AxioError):
    """Another run owns this session."""


class SessionLost(SessionBusy):
    """Another run took over this session; nothing more of this run is stored."""


class StoreError(AxioError):
    """A store cannot be used."""


class StoreBusy(StoreError):
    """Others use the store and are in the way. Trying again later may work."""


class StoreFull(StoreError):
    """The disk, or the quota, is full."""


class StoreReadOnly(StoreError):
    """The store may be read but not written."""


class StoreDamaged(StoreError):
    """The store holds what no store has written."""


class StoreTooNew(StoreError):
    """The store's tables were changed by a later release."""


class OutputError(AxioError):
    """The model did not give an answer of the wanted type.

    `reason` says what ended the run before it did: "output_tries" where the allowed number of tries
    is used up, else the reason of the `SessionEndEvent`, such as "max_iterations" or "approval".
    """

    def __init__(self, *args: object, reason: str = "") -> None:
        super().__init__(*args)
        self.reason = reason


def message_of(error: BaseException) -> str:
    """The message of an error; its class where it has none, or cannot be shown."""
    try:
        return str(error) or type(error).__name__
    except Exception:
        return type(error).__name__


def without_content(error: Exception) -> str:
    """Say what is wrong with stored text, without a word of it: that is a conversation."""
    from json import JSONDecodeError  # Programs that store nothing may never need it.

    if type(error) is ValueError:  # axio's own, which name what they did not expect
        return f"{error!s:.100}"
    kind = type(error).__name__
    return f"{kind}: {error.msg}" if isinstance(error, JSONDecodeError) else kind


def wrong_kind(argument: str, wanted: str, value: object) -> TypeError:
    """The error for an argument of the wrong kind, which names it, the right kind and the value."""
    shown = f"the class {value.__name__}" if isinstance(value, type) else repr(value)
    if len(shown) > 80:
        shown = f"{shown[:60]}... (a {type(value).__name__})"
    return TypeError(f"{argument} must be {wanted}, got {shown}")
