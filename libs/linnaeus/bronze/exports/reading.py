"""A record of an export as votes: one for each question that counts, of each person who answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from linnaeus.bronze.exports import answers as a
from linnaeus.bronze.exports import argilla, doccano, label_studio, prodigy, queue
from linnaeus.contracts import columns as c

UNREADABLE, SEVERAL_LABELS, SEVERAL_QUESTIONS = "unreadable_answer", "several_labels", "several_questions"
ANSWER_CODES = (UNREADABLE, SEVERAL_LABELS, SEVERAL_QUESTIONS)
SKIPPED = "skipped_"  # before the reason: the only code of what is no vote and nothing to set aside
AUTO, VOTES = "auto", "votes"
_DOCCANO = "doccano"


class Vote(NamedTuple):
    """The fields of a vote, its record (JSON), and a code: what is wrong with the answer, or why it is none."""

    item_id: str | None
    facet: str | None
    annotator_id: str | None
    label: str | None
    voted_at: str | None
    raw: str
    code: str | None


class _Tool(NamedTuple):
    """A form of records: whether one has it, what it is about, and what people said."""

    name: str
    is_own: Callable[[a.Record], bool]
    task: Callable[[a.Record], a.Task]
    responses: Callable[[a.Record], list[a.Response]]


@dataclass(frozen=True)
class Reading:
    """How records are read: labels by facet, and the settings `ingest.votes_form`, `votes_annotator` and
    `votes_question`."""

    labels: Mapping[str, Sequence[str]]
    form: str = AUTO
    annotator: str | None = None
    question: str | None = None

    def votes_in(self, text: str, file: str | None) -> list[Vote] | None:
        """What stands in a record, at least one thing; None where it is no export. `file` is its path, as in a URL."""
        record = a.fields_of(text)
        tool = next((one for one in self._tools if one.is_own(record)), None)
        if tool is None:
            return None
        who = self.annotator or (doccano.annotator(file) if tool.name == _DOCCANO else None)
        about = tool.task(record)
        try:
            found = list(self._votes(tool.responses(record)))
        except a.UnreadableError:
            found = [_Found(None, None, None, code=UNREADABLE, answers=text)]
        found = found or [_Found(None, None, None, code=f"{SKIPPED}{a.UNANSWERED}")]
        return [_vote(one, about, who, tool.name, text) for one in found]

    def _votes(self, responses: Iterable[a.Response]) -> Iterator[_Found]:
        for one in responses:
            if one.skip is not None:
                yield _Found(one.annotator, None, one.voted_at, code=f"{SKIPPED}{one.skip}")
            else:
                yield from self._of_response(one)

    def _of_response(self, response: a.Response) -> Iterator[_Found]:
        given = {name: own for name, own in response.answers.items() if any(not _is_blank(one) for one in own)}
        names = self._asked(list(given))
        for name in names:
            code, label = _label(given[name])
            facet = self._facet_names.get(name)
            yield _Found(response.annotator, facet, response.voted_at, label, code, given[name])
        if not names:
            code = SEVERAL_QUESTIONS if len(given) > 1 and self.question is None else f"{SKIPPED}{a.UNANSWERED}"
            yield _Found(response.annotator, None, response.voted_at, code=code, answers=given)

    def _asked(self, given: list[str]) -> list[str]:
        """Of the questions that have an answer those whose answers are votes."""
        if self.question is not None:
            return [name for name in given if name == self.question]
        return [name for name in given if name in self._facet_names] or (given if len(given) == 1 else [])

    @cached_property
    def _facet_names(self) -> dict[str, str]:
        """Facets by what a question may be called: tools allow no dots in names."""
        return {facet.replace(".", "_"): facet for facet in self.labels} | {facet: facet for facet in self.labels}

    @cached_property
    def _tools(self) -> list[_Tool]:
        facets = self.labels
        every = {label for labels in self.labels.values() for label in labels}
        known = [
            _Tool("label_studio", label_studio.is_own, label_studio.task, label_studio.responses),
            _Tool("argilla", argilla.is_own, argilla.task, argilla.responses),
            _Tool("prodigy", prodigy.is_own, prodigy.task, prodigy.responses),
            _Tool(
                _DOCCANO,
                lambda record: doccano.is_own(record, facets),
                doccano.task,
                lambda record: doccano.responses(record, every),
            ),
        ]
        own = _Tool("queue", lambda record: queue.is_own(record, facets), queue.task, lambda _: [])
        return [*[tool for tool in known if self.form in (AUTO, tool.name)], own]


class _Found(NamedTuple):
    """What was found of a vote; `facet` where the question says it."""

    annotator: str | None
    facet: str | None
    voted_at: str | None
    label: str | None = None
    code: str | None = None
    answers: Any = None


def _is_blank(answer: Any) -> bool:
    return answer is None or (isinstance(answer, str) and not answer.strip())


def _label(answers: Sequence[Any]) -> tuple[str | None, str | None]:
    """A code or a label."""
    try:
        labels = a.labels_in(answers)
    except a.UnreadableError:
        return UNREADABLE, None
    if len(labels) > 1:
        return SEVERAL_LABELS, None
    return (None, labels[0]) if labels else (f"{SKIPPED}{a.UNANSWERED}", None)


def _vote(found: _Found, about: a.Task, who: str | None, form: str, text: str) -> Vote:
    """A vote with a record of its own, which has all that came where its item can't be told."""
    facet, annotator = found.facet or about.facet, found.annotator or who
    fields = (about.item_id, facet, annotator, found.label, found.voted_at)
    names = (c.ITEM_ID, c.FACET, c.ANNOTATOR_ID, c.LABEL, c.VOTED_AT)
    record = dict(zip(names, fields, strict=True)) | {c.CREATOR_ID: about.creator_id, "form": form}
    record |= {"answers": found.answers, "record": None if about.item_id else text}
    is_torn = not all(map(_is_text, fields))
    raw = json.dumps({name: value for name, value in record.items() if value is not None}, ensure_ascii=is_torn)
    return Vote(*fields, raw, UNREADABLE if is_torn else found.code)


def _is_text(value: str | None) -> bool:
    """Whether a text can be stored: a lone surrogate, which JSON may hold, can't."""
    try:
        return value is None or bool(value.encode() or True)
    except UnicodeEncodeError:
        return False
