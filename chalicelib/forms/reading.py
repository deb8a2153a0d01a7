"""What a tap or a typed text says to a question. Pure."""

from __future__ import annotations

from chalicelib.forms import ask
from chalicelib.forms.kinds import QUESTION_TYPES, Answer, Asked, Tap
from chalicelib.forms.model import Question
from chalicelib.shared.text.folding import fold


def read_tap(asked: Asked, tap: Tap) -> Answer | None:
    """What a tap says. None: nothing that fits the question."""
    kind = QUESTION_TYPES[asked.question.type]
    if tap.mark == ask.SKIP:
        return None if asked.question.required or asked.chosen else Answer("skip")
    return kind.done(asked) if tap.mark == ask.DONE else kind.reader.read_tap(asked, tap)


def read_text(asked: Asked, text: str) -> Answer | None:
    """What a typed text says; width, case and kana do not count. None: nothing that fits the question."""
    kind, words, folded = QUESTION_TYPES[asked.question.type], asked.form.words, fold(text)
    if not folded:
        return None
    if asked.chosen and folded == fold(words["done"]):
        return kind.done(asked)
    if not asked.question.required and not asked.chosen and folded == fold(words["skip"]):
        return Answer("skip")
    return kind.reader.read_text(asked, text)


def names_a_choice(question: Question, text: str) -> bool:
    """Whether a text is one of the question's choices, letter by letter."""
    return any(text.strip() in {choice.label, choice.value} for choice in question.choices)
