"""Every table: its name, key, schema and description. The data dictionary and the lake read this and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

from pyspark.sql.types import StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas


@dataclass(frozen=True)
class Table:
    """A Delta table.

    `stamps` are columns that say when a row was written, `derived` those that follow from others of the row (a vector
    from text and embedder); neither counts when a row is compared with the stored one.
    """

    layer: str
    name: str
    key: tuple[str, ...]
    schema: StructType
    description: str
    stamps: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()

    @property
    def full_name(self) -> str:
        """Layer and name, as in `silver.tokens`."""
        return f"{self.layer}.{self.name}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns, in order."""
        return tuple(self.schema.names)

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that may not be null."""
        return tuple(f.name for f in self.schema.fields if f.metadata.get("required"))

    @property
    def compared(self) -> tuple[str, ...]:
        """Columns that make a row differ from the stored one."""
        return tuple(f.name for f in self.schema.fields if f.name not in self.key + self.stamps + self.derived)


CONTENT = Table(
    "bronze", "content", (c.CONTENT_ID,), schemas.CONTENT, "Contents as supplied, clean and once each", (c.INGESTED_AT,)
)
CREATORS = Table(
    "bronze", "creators", (c.CREATOR_ID,), schemas.CREATORS, "Creators as supplied, once each", (c.INGESTED_AT,)
)
VOTES = Table(
    "bronze",
    "votes",
    (c.ITEM_ID, c.FACET, c.ANNOTATOR_ID),
    schemas.VOTES,
    "Crowdsourced votes, the newest of each annotator on each item and facet",
    (c.INGESTED_AT,),
)
GOLD_LABELS = Table(
    "bronze", "gold_labels", (c.ITEM_ID, c.FACET), schemas.GOLD_LABELS, "Labels that count as true", (c.INGESTED_AT,)
)
QUARANTINE = Table(
    "bronze",
    "quarantine",
    (c.RECORD_ID,),
    schemas.QUARANTINE,
    "Records that could not be kept, with codes of what is wrong",
    (c.INGESTED_AT,),
)
TOKENS = Table("silver", "tokens", (c.CONTENT_ID,), schemas.TOKENS, "Tokens and text statistics of each content")
_OF_A_TEXT = (c.EMBEDDING, c.VECTOR, c.N_TOKENS, c.SIGNATURE)  # follow from its hash and the embedder's stamp
EMBEDDINGS = Table(
    "silver",
    "embeddings",
    (c.CONTENT_ID,),
    schemas.EMBEDDINGS,
    "One vector a content, all of one embedder",
    derived=_OF_A_TEXT,
)
TEXT_EMBEDDINGS = Table(
    "silver",
    "text_embeddings",
    (c.CONTENT_HASH, c.EMBEDDER),
    schemas.TEXT_EMBEDDINGS,
    "One vector a distinct text and embedder: what jobs read, and silver.embeddings is filled from when it is whole",
    derived=_OF_A_TEXT,
)
LABELS = Table("silver", "labels", (c.ITEM_ID, c.FACET), schemas.LABELS, "One label an item and facet, to train on")
ANNOTATORS = Table(
    "silver", "annotators", (c.ANNOTATOR_ID, c.FACET), schemas.ANNOTATORS, "How far each annotator can be trusted"
)
LABEL_ISSUES = Table(
    "silver",
    "label_issues",
    (c.CONTENT_ID, c.FACET),
    schemas.LABEL_ISSUES,
    "Labels that a model which did not see them contradicts, the most doubtful first",
    (c.FOUND_AT,),
)
REVIEW_QUEUE = Table(
    "gold",
    "review_queue",
    (c.ITEM_ID, c.FACET),
    schemas.REVIEW_QUEUE,
    "What people should label next, within a budget",
    (c.QUEUED_AT,),
)
CONTENT_PROFILES = Table(
    "gold",
    "content_profiles",
    (c.CONTENT_ID,),
    schemas.CONTENT_PROFILES,
    "Category and risk of each content, with what they came from",
    (c.SCORED_AT,),
)
SHADOW_PROFILES = Table(
    "gold",
    "shadow_profiles",
    (c.CONTENT_ID,),
    schemas.CONTENT_PROFILES,
    "What the candidates make of each content, beside the champions' gold.content_profiles",
    (c.SCORED_AT,),
)
CREATOR_PROFILES = Table(
    "gold",
    "creator_profiles",
    (c.CREATOR_ID,),
    schemas.CREATOR_PROFILES,
    "Category shares, modality and risk of each creator",
    (c.AS_OF,),
)
CREATOR_PROFILE_HISTORY = Table(
    "gold",
    "creator_profile_history",
    # Numbered and not by time: two runs at once give the same change the same key, so that it stands once.
    (c.CREATOR_ID, c.REVISION),
    schemas.CREATOR_PROFILE_HISTORY,
    "What each creator was from when to when, what changed and why (slowly changing, type 2)",
    (c.VALID_FROM, c.VALID_TO),
)
MODEL_EVALUATIONS = Table(
    "gold",
    "model_evaluations",
    (c.MODEL, c.VERSION, c.FACET, c.SLICE, c.METRIC),
    schemas.MODEL_EVALUATIONS,
    "Figures of each model version on held-out contents",
)
PROMOTIONS = Table(
    "gold",
    "promotions",
    ("decision_id",),
    schemas.PROMOTIONS,
    "Each decision to move the champion or not, and why",
    ("decided_at",),
)
JOB_RUNS = Table("ops", "job_runs", ("run_id",), schemas.JOB_RUNS, "Each run of each job")

ALL: tuple[Table, ...] = (
    CREATORS,
    CONTENT,
    VOTES,
    GOLD_LABELS,
    QUARANTINE,
    TOKENS,
    EMBEDDINGS,
    TEXT_EMBEDDINGS,
    LABELS,
    ANNOTATORS,
    LABEL_ISSUES,
    REVIEW_QUEUE,
    CONTENT_PROFILES,
    SHADOW_PROFILES,
    CREATOR_PROFILES,
    CREATOR_PROFILE_HISTORY,
    MODEL_EVALUATIONS,
    PROMOTIONS,
    JOB_RUNS,
)

BY_NAME: dict[str, Table] = {table.full_name: table for table in ALL}
