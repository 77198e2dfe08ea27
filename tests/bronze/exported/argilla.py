"""Argilla: records of 2.x and 1.x."""

from __future__ import annotations

from typing import Any

from tests.bronze.exported.cases import NOBODY, Case, skipped, vote


def nested(responses: Any, **others: Any) -> dict[str, Any]:
    own = {"id": "category/p/1", "fields": {"text": "t"}, "metadata": {}, "suggestions": {"label": {"value": "tech"}}}
    return own | {"responses": responses, "vectors": {}, "_server_id": "d1"} | others


def flat(name: str, values: Any, users: Any, status: Any, **others: Any) -> dict[str, Any]:
    lists = {f"{name}.responses": values, f"{name}.responses.users": users, f"{name}.responses.status": status}
    own = {
        "id": "category/p/1",
        "_server_id": "d1",
        "text": "t",
        "label.suggestion": "tech",
        "label.suggestion.score": 1,
    }
    return own | lists | others  # fmt: skip


def of_user(who: str, status: str = "submitted", **values: Any) -> dict[str, Any]:
    answers = {name: {"value": value} for name, value in values.items()}
    times = {"inserted_at": "2026-11-02T10:00:00.5", "updated_at": "2026-11-02T11:00:00.5"}
    return {"id": "r", "user_id": who, "status": status, "values": answers or None} | times


def classified(**others: Any) -> dict[str, Any]:
    own = {"text": "t", "inputs": {"text": "t"}, "prediction": [["tech", 0.9]], "prediction_agent": "m"}
    end = {"annotation_agent": "ann", "multi_label": False, "id": "category/p/1", "metadata": {}, "status": "Validated"}
    return own | end | others


ARGILLA = [
    Case(
        "nested",
        nested({"label": [{"value": "sport", "user_id": "ann"}, {"value": "tech", "user_id": "bob"}]}),
        (vote("sport"), vote("tech", "bob")),
        times=(None, None),
    ),
    Case("nested, nobody", nested({}), codes=skipped("unanswered")),
    Case(
        "nested, a rating",
        nested({"stars": [{"value": 4, "user_id": "ann"}]}, id="risk.spam/p/1"),
        (vote("4", facet="risk.spam"),),
    ),
    Case(
        "nested, several",
        nested({"label": [{"value": ["sport", "tech"], "user_id": "ann"}]}),
        codes=(["several_labels"],),
    ),
    Case("nested, a list of one", nested({"label": [{"value": ["sport"], "user_id": "ann"}]}), (vote("sport"),)),
    Case(
        "nested, ranks",
        nested({"label": [{"value": [{"value": "sport", "rank": 1}], "user_id": "ann"}]}),
        codes=(["unreadable_answer"],),
    ),
    Case(
        "nested, a remark",
        nested({"label": [{"value": "sport", "user_id": "ann"}], "why": [{"value": "?", "user_id": "ann"}]}),
        codes=(["several_questions"],),
    ),
    Case(
        "nested, a remark, but told",
        nested({"label": [{"value": "sport", "user_id": "ann"}], "why": [{"value": "?", "user_id": "ann"}]}),
        (vote("sport"),),
        reading={"question": "label"},
    ),
    Case(
        "nested, a remark beside a facet",
        nested({"category": [{"value": "sport", "user_id": "ann"}], "why": [{"value": "?", "user_id": "bob"}]}),
        (vote("sport"),),
        codes=(["unknown_label"],),
    ),
    Case(
        "nested, by metadata",
        nested(
            {"label": [{"value": "sport", "user_id": "ann"}]}, id="d7", metadata={"item_id": "p/1", "facet": "category"}
        ),
        (vote("sport"),),
    ),
    Case(
        "flat",
        flat("label", ["sport", "tech", "tech"], ["ann", "bob", "cid"], ["submitted", "draft", "discarded"]),
        (vote("sport"),),
        skipped("draft", "discarded"),
    ),
    Case("flat, none", flat("label", None, None, None), codes=skipped("unanswered")),
    Case("flat, several", flat("label", [["sport", "tech"]], ["ann"], ["submitted"]), codes=(["several_labels"],)),
    Case(
        "flat, two questions",
        flat("category", ["sport"], ["ann"], ["submitted"]) | flat("risk_spam", ["no"], ["bob"], ["submitted"]),
        (vote("sport"), vote("no", "bob", facet="risk.spam")),
    ),
    Case(
        "flat, as a spreadsheet has it",
        flat("label", "['sport' 'tech']", "['ann' 'bob']", "['submitted' 'submitted']"),
        codes=([*NOBODY, "unreadable_answer"],),
    ),
    Case("flat, no status", flat("label", ["sport"], ["ann"], None), (vote("sport"),)),
    Case(
        "by user",
        {
            "fields": {"text": "t"},
            "external_id": "category/p/1",
            "metadata": {},
            "responses": [
                of_user("ann", label="sport"),
                of_user("bob", "draft", label="tech"),
                of_user("cid", "discarded"),
                of_user("dan"),
            ],
        },
        (vote("sport"),),
        skipped("draft", "discarded", "unanswered"),
        times=("2026-11-02 11:00:00.5",),
    ),
    Case(
        "of the Hub, 1.x",
        {
            "text": "t",
            "external_id": "category/p/1",
            "metadata": "{}",
            "label": [
                {"user_id": "ann", "value": "sport", "status": "submitted"},
                {"user_id": "bob", "value": None, "status": "discarded"},
            ],
            "label-suggestion": "tech",
        },
        (vote("sport"),),
        skipped("discarded"),
    ),
    Case(
        "of the Hub, 1.x, nobody",
        {"text": "t", "external_id": "category/p/1", "metadata": "{}", "label": None, "label-suggestion": None},
        codes=skipped("unanswered"),
    ),
    Case("classified", classified(annotation="sport"), (vote("sport"),)),
    Case(
        "classified by none",
        classified(annotation=None, annotation_agent=None, status="Default"),
        codes=skipped("unanswered"),
    ),
    Case("classified, discarded", classified(annotation="sport", status="Discarded"), codes=skipped("discarded")),
    Case("classified, edited", classified(annotation="sport", status="Edited"), codes=skipped("draft")),
    Case(
        "classified, several", classified(annotation=["sport", "tech"], multi_label=True), codes=(["several_labels"],)
    ),
]
