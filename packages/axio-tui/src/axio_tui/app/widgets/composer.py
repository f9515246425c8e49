"""`Composer`: where a person writes to the agent, or to the application. It speaks by messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, ClassVar

from textual import events, work
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.timer import Timer
from textual.widgets import TextArea

from axio_tui.app.keys import binding, hint
from axio_tui.app.widgets.completion import Completion
from axio_tui.app.widgets.prompt_area import PromptArea
from axio_tui.chat.completing import Lines, Offers, offers_for
from axio_tui.chat.composer import Command, Input, Pastes, Shell, Words, parse
from axio_tui.config.keys import ACTIONS

if TYPE_CHECKING:
    from axio.blocks import ImageBlock
    from axio_tui.chat.file_index import FileIndex

__all__ = ("Composer",)

_KEEP_AFTER = 1.0  # seconds without a change after which a draft is to be kept


class Composer(Vertical):
    """The text, and what is offered over it.

    `lines` gives the commands that may be meant, `files` the files. `take_back` gives the text of
    the newest prompt that still waits, or None; it is called by Up when nothing is written.
    `recall` gives the prompts of the past, oldest first.
    """

    DEFAULT_CSS = """
    Composer { height: auto; max-height: 60%; }
    Composer PromptArea { height: auto; max-height: 12; padding: 0 1; }
    """

    BINDINGS: ClassVar = [
        binding("send", "send"),
        binding("newline", "newline"),
        binding("steer", "steer"),
        binding("complete", "complete"),
        Binding("escape", "close", ACTIONS["stop"].words, show=False),
        binding("search", "search"),
        binding("editor", "edit"),
        binding("paste", "paste"),
        binding("older", "older"),
        binding("newer", "newer"),
    ]

    class Sent(Message):
        """Something to be done. `text` is all that was written, `kept` the same for a history."""

        def __init__(self, input: Input, text: str, kept: str) -> None:
            super().__init__()
            self.input = input
            self.text = text
            self.kept = kept

    class Submitted(Sent):
        """Enter: to be answered, or queued while a run goes on."""

    class Steered(Sent):
        """Ctrl+S: to be put into the run that goes on. Its input is of words."""

    class SentNothing(Message):
        """Enter without a text: what is parked is to be sent."""

    class Said(Message):
        """Words to the person."""

        def __init__(self, words: str) -> None:
            super().__init__()
            self.words = words

    class DraftChanged(Message):
        """The text has changed a moment ago: `kept` is what `load` takes, `pictures` those in it by
        their placeholders."""

        def __init__(self, kept: str, pictures: dict[str, ImageBlock]) -> None:
            super().__init__()
            self.kept = kept
            self.pictures = pictures

    def __init__(
        self,
        *,
        lines: Lines | None = None,
        files: FileIndex | None = None,
        take_back: Callable[[], Awaitable[str | None]] | None = None,
        recall: Callable[[], Awaitable[list[str]]] | None = None,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.lines = lines
        self.files = files
        self.take_back = take_back
        self.recall = recall
        self.pastes = Pastes()
        self.area = PromptArea(self.pastes)
        self.completion = Completion()
        self.on_tab: Callable[[], object] | None = None
        """Called by Tab where there is nothing to complete."""
        self._past: list[str] | None = None  # while the person goes through it
        self._place = 0
        self._shown = ""
        self._draft_timer: Timer | None = None

    def compose(self) -> ComposeResult:
        newline = hint(self.app, "newline", "new line")
        told = ["Ask. / commands", "@ files", "! your shell", newline]
        self.area.placeholder = ", ".join(filter(None, told))
        yield self.completion
        yield self.area

    def focus(self, scroll_visible: bool = True) -> Composer:
        self.area.focus(scroll_visible)
        return self

    # ── what is written ───────────────────────────────────────────────────────────────────────

    @property
    def is_empty(self) -> bool:
        """True if nothing is written, and nothing else is under way here."""
        return not self.area.text

    @property
    def last_key(self) -> float:
        """The moment of the last key, on the clock of events (`time.monotonic`)."""
        return self.area.last_key

    @property
    def kept(self) -> str:
        """All that is written, to be kept as a draft."""
        return self.pastes.kept(self.area.text)

    def load(self, kept: str) -> None:
        """Let a draft, or a prompt of the past, be the text."""
        self.area.put(self.pastes.restore(kept))

    def clear(self) -> None:
        """Let nothing be written, as when it has been sent."""
        self.area.load_text("")
        self.pastes.sent()
        self.completion.show(None)
        self._past = None

    def give_back(self, text: str) -> None:
        """Put a text that could not be sent before all that was written since."""
        since = self.area.text
        self.area.put("\n".join(filter(None, [self.pastes.fold(text), since])))

    def write(self, text: str) -> None:
        """Put a text at the cursor, as if it were typed."""
        self.area.write(self.pastes.fold(text))

    def take(self, event: events.Key) -> None:
        """Take a key that was typed while another part had the focus."""
        self.focus()
        self.area.post_message(events.Key(event.key, event.character))

    def on_prompt_area_said(self, message: PromptArea.Said) -> None:
        message.stop()
        self.post_message(self.Said(message.words))

    def on_text_area_changed(self, event: TextArea.Changed) -> None:
        event.stop()
        if self._draft_timer is not None:
            self._draft_timer.stop()
        self._draft_timer = self.set_timer(_KEEP_AFTER, self._tell_draft)
        self._offer()

    def _tell_draft(self) -> None:
        pictures = self.pastes.pictures_in(self.area.text)
        self.post_message(self.DraftChanged(self.kept, pictures))

    # ── what is offered ───────────────────────────────────────────────────────────────────────

    def know(self, files: FileIndex) -> None:
        """Offer these files, also for what is written already."""
        self.files = files
        self._offer()

    def _offset(self) -> int:
        """The place of the cursor in the whole text."""
        row, column = self.area.cursor_location
        return sum(len(self.area.document.get_line(above)) + 1 for above in range(row)) + column

    async def _offers(self) -> Offers | None:
        text, offset = self.area.text, self._offset()
        if self.files is not None and "@" in text:
            self._refresh_files()
        if text == self._shown:  # a prompt of the past is complete
            return None
        return await offers_for(text, offset, self.lines, self.files)

    @work(group="files", exclusive=True)
    async def _refresh_files(self) -> None:
        if self.files is not None:
            await self.files.refresh()

    @work(group="offers", exclusive=True)
    async def _offer(self) -> None:
        self.completion.show(await self._offers())

    async def action_complete(self) -> None:
        offers = await self._offers()
        if offers != self.completion.offers:
            self.completion.show(offers)
        if self.completion.is_open:
            self._take_offer()
        elif self.on_tab is not None:
            self.on_tab()
        else:
            raise SkipAction

    def _take_offer(self) -> None:
        offers, chosen = self.completion.offers, self.completion.chosen
        assert offers is not None and chosen is not None
        text = self.area.text
        ends = offers.is_command and offers.end == len(text) and " " not in chosen.text
        new = f"{chosen.text}{' ' * ends}"
        self.area.put(f"{text[: offers.start]}{new}{text[offers.end :]}")
        before = text[: offers.start] + new
        row, column = before.count("\n"), len(before) - before.rfind("\n") - 1
        self.area.move_cursor((row, column))
        self.completion.show(None)

    def action_close(self) -> None:
        if not self.completion.is_open:
            raise SkipAction
        self.completion.show(None)

    async def action_search(self) -> None:
        from axio_tui.app.screens.prompt_search import PromptSearch

        prompts = [] if self.recall is None else await self.recall()
        await self.app.push_screen(PromptSearch(reversed(prompts)), self._found)

    def _found(self, kept: str | None) -> None:
        if kept is not None:
            self.load(kept)

    # ── sending ───────────────────────────────────────────────────────────────────────────────

    async def action_send(self) -> None:
        if self._would_take():
            self._take_offer()
        elif not self.area.text.strip():
            self.post_message(self.SentNothing())
        else:
            self._send(self.Submitted, self._input())

    def _would_take(self) -> bool:
        """True if Enter takes an offer: one that was pointed at, or a command that is not whole."""
        offers = self.completion.offers
        if offers is None or offers.end != len(self.area.text):
            return False
        is_whole = any(offer.text == self.area.text for offer in offers.offers)
        return self.completion.was_moved or (offers.is_command and not is_whole)

    def action_steer(self) -> None:
        if not self.area.text.strip():
            raise SkipAction
        input = self._input()
        if isinstance(input, Words):
            self._send(self.Steered, input)
        else:
            self._send(self.Submitted, input)

    def _input(self) -> Input:
        whole = self.pastes.whole
        match parse(self.area.text):
            case Words(text, mentions):
                pictures = self.pastes.pictures_in(text)
                return Words(whole(text), mentions, tuple(pictures.items()))
            case Shell(command, is_shared):
                return Shell(whole(command), is_shared)
            case Command(name, arguments):
                return Command(name, whole(arguments))

    def _send(self, kind: type[Sent], input: Input) -> None:
        self.post_message(kind(input, self.pastes.whole(self.area.text), self.kept))
        self.clear()

    async def action_paste(self) -> None:
        await self.area.action_paste()

    def action_newline(self) -> None:
        self.area.write("\n")

    async def action_edit(self) -> None:
        """The text in the editor of the person; it stays as it is if that fails."""
        from axio_tui.app.editor import EditorFailed, edit

        before = self.pastes.whole(self.area.text)
        try:
            text = await edit(self.app, before)
        except EditorFailed as error:
            self.post_message(self.Said(str(error)))
            return
        if text != before:
            self.area.put(self.pastes.fold(text))

    # ── prompts of the past ───────────────────────────────────────────────────────────────────

    async def action_older(self) -> None:
        """The last queued prompt, to be edited, or an earlier one; else the line above."""
        if self.completion.is_open:
            self.completion.move(-1)
            return
        is_browsing = self._past is not None and self.area.text == self._shown
        if not (is_browsing or self.is_empty) or not self.area.cursor_at_first_line:
            raise SkipAction
        if not is_browsing:
            if self.take_back is not None and (text := await self.take_back()) is not None:
                self.area.put(self.pastes.fold(text))
                return
            if self.recall is None:
                return  # not read yet
            self._past = await self.recall()
            self._place = len(self._past)
        if self._place:
            self._show(self._place - 1)

    def action_newer(self) -> None:
        if self.completion.is_open:
            self.completion.move(1)
            return
        if self._past is None or self.area.text != self._shown:
            raise SkipAction
        if not self.area.cursor_at_last_line:
            raise SkipAction
        self._show(min(self._place + 1, len(self._past)))

    def _show(self, place: int) -> None:
        assert self._past is not None
        self._place = place
        self.load(self._past[place] if place < len(self._past) else "")
        self._shown = self.area.text
