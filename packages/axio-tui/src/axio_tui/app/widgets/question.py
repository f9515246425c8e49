"""`QuestionBar`: the question that stands, over the composer. What is typed ahead never answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Any

from textual import events, work
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Static

from axio_tui.app.keys import hint, keys_of
from axio_tui.app.screens.whole_question import WholeQuestion
from axio_tui.app.sight import in_sight
from axio_tui.app.widgets.brief import Brief
from axio_tui.app.widgets.composer import Composer
from axio_tui.app.widgets.diff import Sheet
from axio_tui.app.widgets.line import Line
from axio_tui.chat.answers import KEYS, Answers
from axio_tui.chat.arming import Arming
from axio_tui.chat.diff_rows import Row
from axio_tui.chat.questions import Questions, Standing
from axio_tui.chat.server_questions import ServerAnswers, answers_to, head_of, rows_of_question

__all__ = ("QuestionBar",)

_TWICE = 0.6  # seconds between two presses of Escape that belong together
AFTER_FOCUS = 0.5  # seconds in which a click may be the one that gave the window its focus


class QuestionBar(Vertical):
    """Shows the first of `questions`, and answers it by keys once it is armed. Until then the keys
    are for `composer`. `waiting` is how many calls are not decided about, also those that have not
    asked yet."""

    DEFAULT_CSS = """
    QuestionBar {
        display: none; height: auto; border: round $warning; padding: 0 1;
    }
    QuestionBar.-stands { display: block; }
    QuestionBar.-armed { border: heavy $success; }
    QuestionBar > #keys { height: auto; }
    QuestionBar > #title { text-style: bold; }
    QuestionBar > #why, QuestionBar > #rule { color: $text-muted; }
    QuestionBar > Input { display: none; }
    QuestionBar.-asks-text > Input { display: block; }
    """

    def __init__(
        self,
        questions: Questions[Any],
        composer: Composer,
        *,
        waiting: Callable[[], int] = lambda: 0,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.can_focus = False
        self.questions = questions
        self.composer = composer
        self.waiting = waiting
        self.call_back: Callable[[str], object] = lambda words: None
        """Says so to a person whose window has no focus."""
        self.sheet = Sheet()
        self._title, self._why, self._kept = (Brief(id=name) for name in ("title", "why", "rule"))
        self._keys = Static(id="keys", markup=False)
        self.field = Line(compact=True, select_on_focus=False)
        self.shown: Standing[Any] | None = None
        """The question on the screen."""
        self._arming = Arming()
        self._armed_at = float("inf")
        self._focused_at = float("-inf")
        self._refused_at = float("-inf")
        self._was_left = False
        self._answers: Answers | ServerAnswers | None = None
        self._asks_for = ""
        self._is_cut = False

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._why
        yield self.sheet
        yield self._kept
        yield self.field
        yield self._keys

    def on_mount(self) -> None:
        # Later, among the messages of this widget: the asker may be in any task.
        self.questions.changed = lambda: self.call_later(self._changed)
        self.composer.on_tab = self.want
        # While another program has the terminal, nothing is before the eyes of the person.
        self.app.app_suspend_signal.subscribe(self, lambda _: self._before_eyes(False))
        self.app.app_resume_signal.subscribe(self, lambda _: self._before_eyes(True))
        self.watch(self.app, "app_focus", self._before_eyes, init=False)
        self.screen.screen_layout_refresh_signal.subscribe(self, lambda _: self._look())
        self._timer = self.set_interval(0.1, self._arm, pause=True)
        self._changed()

    def on_unmount(self) -> None:
        self.questions.changed = lambda: None
        self.questions.refuse_all()

    # ── one question after the other ──────────────────────────────────────────────────────────

    def _changed(self) -> None:
        current = self.questions.current
        if current is not self.shown:
            self._disarm()
            self.shown, self._arming, self._was_left = current, Arming(), False
            self._answers = None if current is None else answers_to(current.asked)
            self._end_text()
            self.set_class(False, "-stands")
            if isinstance(self.app.screen, WholeQuestion):
                self.app.screen.dismiss(None)
            if current is not None:
                self._show(current)
                return
            self._timer.pause()
        self._say()

    @work(group="question", exclusive=True)
    async def _show(self, standing: Standing[Any]) -> None:
        rows = await asyncio.to_thread(rows_of_question, standing.asked)
        if standing is not self.shown:
            return
        self.sheet.rows = rows
        title, why = head_of(standing.asked, standing.who)
        self._title.tell(title)
        self._why.tell(why)
        self._say()
        self._fit()
        self.set_class(True, "-stands")
        if self.app.app_focus:
            self.call_after_refresh(self._seen)
        else:
            self.call_back("a question")

    def _seen(self) -> None:
        self._arming.seen(monotonic())
        self._timer.resume()

    def _fit(self) -> None:
        """Leave room for the words around the sheet, whatever its length."""
        self.sheet.styles.max_height = max(2, self.app.size.height * 6 // 10 - 8)
        if self.shown is not None and (width := self._keys.content_size.width):
            # As when it is armed: what is in sight now is so then.
            self._keys.styles.min_height = self._offered().get_height({}, width)

    def on_resize(self) -> None:
        self._fit()

    def _say(self) -> None:
        """Tell what would be remembered, and the keys."""
        if self._answers is None:
            return
        self._kept.tell(self._answers.remembers)
        self._keys.update(self.keys())

    def keys(self) -> Content:
        """The keys that answer now."""
        rest = self._rest()
        if self._asks_for:
            asked = "the reason" if self._asks_for == "reason" else "the command of the rule"
            return Content(f"{asked}, then Enter · Esc back{rest}")
        if not self._looks_armed:
            how = "Enlarge the window" if self._is_cut else hint(self.app, "complete", "")
            refuse = hint(self.app, "stop", "refuse")
            told = " · ".join([f"{how} to answer", *[refuse] * bool(refuse)])
            return Content(told + rest).stylize("bold")
        return self._offered()

    def _rest(self) -> str:
        more = max(self.questions.others, self.waiting() - 1)
        return f" · {more} more wait{'s' * (more == 1)}" if more else ""

    def _offered(self) -> Content:
        assert self._answers is not None
        edits = ["e edit the rule"] * (self._answers.pattern is not None)
        return Content(
            " · ".join(
                [*self._answers.offered, *edits, "Ctrl+F all of it", f"Esc {self._answers.leaving}"]
            )
            + self._rest()
        )

    # ── arming ────────────────────────────────────────────────────────────────────────────────

    @property
    def is_armed(self) -> bool:
        """True while keys answer. The border and the words have been painted by then."""
        return self._armed_at < monotonic() and self._in_sight

    @property
    def _in_sight(self) -> bool:
        """True if the call and the keys that answer are on the screen."""
        return in_sight(self._title, self._keys, *[self.sheet] * bool(self.sheet.rows))

    def _look(self) -> None:
        is_cut = self.has_class("-stands") and not self._in_sight
        if is_cut != self._is_cut:
            self._is_cut = is_cut
            self.border_title = self.border_subtitle = "Enlarge" if is_cut else None
            (self._disarm if is_cut else self._say)()

    @property
    def _looks_armed(self) -> bool:
        return self.has_class("-armed")

    def want(self) -> None:
        """The person has asked for the question, as by Tab."""
        if self.shown is not None:
            self._arming.want(monotonic())

    def leave(self) -> None:
        """Back to the composer, until the person asks for the question again."""
        self._was_left = True
        self._arming.key(monotonic())
        self._disarm()

    def _arm(self) -> None:
        now = monotonic()
        self._arming.key(self.composer.last_key)
        is_free = self.app.screen is self.screen and self.composer.has_focus_within
        is_empty = self.composer.is_empty and not self._was_left
        if is_free and self._in_sight and self._arming.is_armed(now, is_empty=is_empty):
            self._timer.pause()
            self.set_class(True, "-armed")
            self.can_focus = True
            self.focus()
            self._say()
            self.call_after_refresh(self._can_be_seen)

    def _can_be_seen(self) -> None:
        if self._looks_armed:
            self._armed_at = monotonic()

    def _disarm(self) -> None:
        self._armed_at = float("inf")
        if self._looks_armed:
            self.set_class(False, "-armed")
            if self.has_focus_within:
                self.composer.focus()
            self.can_focus = False
        if self.shown is not None:
            self._say()
            self._timer.resume()

    def on_blur(self) -> None:
        if self._looks_armed and not self._asks_for and self.app.app_focus:
            self.leave()

    def _before_eyes(self, is_seen: bool) -> None:
        """The person sees the window now, or does not any more."""
        if not is_seen:
            self._arming.unseen()
            self._disarm()
            return
        self._focused_at = monotonic()
        self.call_after_refresh(self._focus_composer)
        if self.shown is not None:
            self._seen()

    def _focus_composer(self) -> None:
        """Keys must reach a text, also where the question had the focus when the window lost it."""
        if self.app.screen is self.screen and self.app.focused is None:
            self.composer.focus()

    def on_click(self, event: events.Click) -> None:
        if event.time - self._focused_at > AFTER_FOCUS:
            self._was_left = False
            self.want()

    # ── keys ──────────────────────────────────────────────────────────────────────────────────

    async def _on_key(self, event: events.Key) -> None:
        if self._asks_for:
            self._type(event)
        elif event.time < self._armed_at or not self._in_sight:
            self._pass_on(event)
        elif event.key in KEYS or event.key in ("escape", "e"):
            event.stop()
            self.press(event.key)
        elif self.sheet.scroll_by_key(event.key):
            event.stop()
        elif event.key == "ctrl+f":
            event.stop()
            self.action_whole()
        elif event.key in keys_of(self.app, "complete"):
            event.stop()
            self.leave()
        elif event.key == "enter":
            event.stop()  # never an answer by itself
        else:
            self._pass_on(event)

    def _pass_on(self, event: events.Key) -> None:
        """A key that is no answer: a letter is for the text, anything else for the application."""
        self._arming.key(event.time)
        if event.is_printable:
            event.stop()
            self._disarm()
            self.composer.take(event)

    def press(self, key: str) -> None:
        """Answer by a key that is offered."""
        standing, answers = self.shown, self._answers
        if standing is None or answers is None:
            return
        if key == "escape":
            self.refuse()
        elif key == "n" and answers.asks_reason:
            self._ask_for("reason", "")
        elif key == "e":
            if answers.pattern is not None:
                self._ask_for("pattern", answers.pattern)
        elif answers.offers(key):
            self._answer(standing, answers.reply(key))

    def refuse(self) -> bool:
        """Refuse the question that is shown, armed or not: nothing runs by that. False if there is
        none, or one was refused a moment ago: Escape twice stops the run."""
        now = monotonic()
        if self.shown is None or not self.has_class("-stands") or now < self._refused_at + _TWICE:
            return False
        self._refused_at = now
        self._answer(self.shown, "no")
        return True

    def _answer(self, standing: Standing[Any], answer: str) -> None:
        self._disarm()
        self.composer.focus()
        self.questions.answer(standing, answer)

    def action_whole(self) -> None:
        """All of it on a screen of its own, where the same keys answer."""
        if self.shown is not None and self.is_armed:
            title, why, kept = (part.text for part in (self._title, self._why, self._kept))
            rows = [Row("title", title), Row("text", why), *self.sheet.rows, Row("text", kept)]
            self.app.push_screen(WholeQuestion(rows, self.keys()), self._after_whole)

    def _after_whole(self, key: str | None) -> None:
        if key is not None:
            self.press(key)

    # ── a line of text ────────────────────────────────────────────────────────────────────────

    def _ask_for(self, what: str, text: str) -> None:
        self._asks_for = what
        self.field.value = text
        self.field.cursor_position = len(text)
        self.set_class(True, "-asks-text")
        self._say()
        self.field.focus()

    def _type(self, event: events.Key) -> None:
        """A key that the field has left, or that came before it had the focus."""
        if event.is_printable and event.character is not None:
            self.field.insert_text_at_cursor(event.character)
        elif event.key == "enter":
            self._take_text()
        elif event.key == "escape":
            self._back()
        else:
            return
        event.stop()

    def _take_text(self) -> None:
        what, text, standing = self._asks_for, self.field.value.strip(), self.shown
        self._end_text()
        if standing is None or self._answers is None:
            return
        if what == "reason":
            words = f"the person refused and said: {text}"
            self._answer(standing, words if text else "no")
            return
        if text:
            self._answers.write(text)
        self._back()

    def _back(self) -> None:
        self._end_text()
        self._say()
        self.focus()

    def _end_text(self) -> None:
        self._asks_for = ""
        self.set_class(False, "-asks-text")
