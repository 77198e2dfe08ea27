"""Every table: its name, key, schema and description. The data dictionary and the lake read this and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyspark.sql.types import StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas


@dataclass(frozen=True)
class Traces:
    """How the rows of a creator are found in a table, by columns that hold such ids; erasure goes by this alone.

    `items` are ids of contents or of creators. `texts` are hashes of texts: where a table has no ids beside them a row
    goes with the last content that has its text, as another creator may have the same. `records` are records as they
    came, with ids among their fields.
    """

    creators: tuple[str, ...] = ()
    contents: tuple[str, ...] = ()
    items: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    records: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """All columns that tell of a creator."""
        return self.creators + self.contents + self.items + self.texts + self.records


OF_NOBODY = Traces()


@dataclass(frozen=True)
class Layout:
    """How a table's files lie: columns by which OPTIMIZE orders the rows (Z-order), so that who looks for one of their
    values reads few files; none where rows are read as a whole."""

    z_order: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """A Delta table.

    `stamps` are columns that say when a row was written, `derived` those that follow from others of the row (a vector
    from text and embedder); neither counts when a row is compared with the stored one. `traces` say how a creator's
    rows are found; None only where that is not declared yet, and then no creator can be erased. `checks` are conditions
    in SQL, by name, that hold for every row; a null satisfies them.
    """

    layer: str
    name: str
    key: tuple[str, ...]
    schema: StructType
    description: str
    stamps: tuple[str, ...] = ()
    derived: tuple[str, ...] = ()
    traces: Traces | None = None
    checks: Mapping[str, str] = field(default_factory=dict, hash=False)
    layout: Layout = Layout()

    @property
    def full_name(self) -> str:
        """Layer and name, as in `silver.tokens`."""
        return f"{self.layer}.{self.name}"

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its columns, in order."""
        return tuple(self.schema.names)

    @property
    def tags(self) -> dict[str, str]:
        """What people find it by in a catalog, and rules for masking or access are made for."""
        personal = "unknown" if self.traces is None else "yes" if self.traces.columns else "no"
        return {"suite": "linnaeus", "layer": self.layer, "personal_data": personal}

    @property
    def required(self) -> tuple[str, ...]:
        """Columns that may not be null."""
        return tuple(f.name for f in self.schema.fields if f.metadata.get("required"))

    @property
    def compared(self) -> tuple[str, ...]:
        """Columns that make a row differ from the stored one."""
        return tuple(f.name for f in self.schema.fields if f.name not in self.key + self.stamps + self.derived)


_OF_CONTENT = Traces(contents=(c.CONTENT_ID,), texts=(c.CONTENT_HASH,))
_OF_PROFILE = Traces(creators=(c.CREATOR_ID,), contents=(c.CONTENT_ID,), texts=(c.CONTENT_HASH,))
_OF_ITEM = Traces(items=(c.ITEM_ID,))
_BY_CONTENT = Layout((c.CONTENT_ID,))


_ONE = 1.00001  # a sum of single-precision shares may come out a little above one


def _share(column: str) -> str:
    """The column is a share or a probability."""
    return f"{column} >= 0 AND {column} <= {_ONE}"


def _shares(column: str) -> str:
    """All values of the column, a map, are shares or probabilities (a constraint of Delta's can hold no lambda)."""
    return f"array_min(map_values({column})) >= 0 AND array_max(map_values({column})) <= {_ONE}"


_PROFILE_CHECKS = {"probability": _share(c.CATEGORY_PROBABILITY), "risks": _shares(c.RISK)}

CONTENT = Table(
    "bronze",
    "content",
    (c.CONTENT_ID,),
    schemas.CONTENT,
    "Contents as supplied, clean and once each",
    (c.INGESTED_AT,),
    traces=_OF_PROFILE,
    checks={"views": f"{c.VIEWS} >= 0"},
    layout=_BY_CONTENT,
)
CREATORS = Table(
    "bronze",
    "creators",
    (c.CREATOR_ID,),
    schemas.CREATORS,
    "Creators as supplied, once each",
    (c.INGESTED_AT,),
    traces=Traces(creators=(c.CREATOR_ID,)),
)
VOTES = Table(
    "bronze",
    "votes",
    (c.ITEM_ID, c.FACET, c.ANNOTATOR_ID),
    schemas.VOTES,
    "Crowdsourced votes, the newest of each annotator on each item and facet",
    (c.INGESTED_AT,),
    traces=_OF_ITEM,
)
GOLD_LABELS = Table(
    "bronze",
    "gold_labels",
    (c.ITEM_ID, c.FACET),
    schemas.GOLD_LABELS,
    "Labels that count as true",
    (c.INGESTED_AT,),
    traces=_OF_ITEM,
)
QUARANTINE = Table(
    "bronze",
    "quarantine",
    (c.RECORD_ID,),
    schemas.QUARANTINE,
    "Records that could not be kept, with codes of what is wrong",
    (c.INGESTED_AT,),
    traces=Traces(records=(c.RAW,)),
    checks={"occurrences": f"{c.OCCURRENCES} > 0"},
)
SOURCE_FILES = Table(
    "bronze",
    "source_files",
    (c.SOURCE, c.FILE),
    schemas.SOURCE_FILES,
    "Files whose records went in, of each source as its last run found it: what is unchanged is not read again",
    (c.INGESTED_AT,),
    traces=OF_NOBODY,
    checks={"size": f"{c.SIZE} >= 0"},
)
TOKENS = Table(
    "silver",
    "tokens",
    (c.CONTENT_ID,),
    schemas.TOKENS,
    "Tokens and text statistics of each content",
    traces=_OF_CONTENT,
    checks={"n_tokens": f"{c.N_TOKENS} >= 0"},
    layout=_BY_CONTENT,
)
_OF_A_TEXT = (c.EMBEDDING, c.VECTOR, c.N_TOKENS, c.SIGNATURE)  # follow from its hash and the embedder's stamp
EMBEDDINGS = Table(
    "silver",
    "embeddings",
    (c.CONTENT_ID,),
    schemas.EMBEDDINGS,
    "One vector a content, all of one embedder",
    derived=_OF_A_TEXT,
    traces=_OF_CONTENT,
    layout=_BY_CONTENT,
)
TEXT_EMBEDDINGS = Table(
    "silver",
    "text_embeddings",
    (c.CONTENT_HASH, c.EMBEDDER),
    schemas.TEXT_EMBEDDINGS,
    "One vector a distinct text and embedder: what jobs read, and silver.embeddings is filled from when it is whole",
    derived=_OF_A_TEXT,
    traces=Traces(texts=(c.CONTENT_HASH,)),
)
LABELS = Table(
    "silver",
    "labels",
    (c.ITEM_ID, c.FACET),
    schemas.LABELS,
    "One label an item and facet, to train on",
    traces=_OF_ITEM,
    checks={"probability": _share(c.PROBABILITY), "n_votes": f"{c.N_VOTES} >= 0", "posterior": _shares(c.POSTERIOR)},
)
ANNOTATORS = Table(
    "silver",
    "annotators",
    (c.ANNOTATOR_ID, c.FACET),
    schemas.ANNOTATORS,
    "How far each annotator can be trusted",
    traces=OF_NOBODY,
    checks={"accuracy": _share(c.ACCURACY)},
)
LABEL_ISSUES = Table(
    "silver",
    "label_issues",
    (c.CONTENT_ID, c.FACET),
    schemas.LABEL_ISSUES,
    "Labels that a model which did not see them contradicts, the most doubtful first",
    (c.FOUND_AT,),
    traces=Traces(contents=(c.CONTENT_ID,)),
)
REVIEW_QUEUE = Table(
    "gold",
    "review_queue",
    (c.ITEM_ID, c.FACET),
    schemas.REVIEW_QUEUE,
    "What people should label next, within a budget",
    (c.QUEUED_AT,),
    traces=Traces(creators=(c.CREATOR_ID,), items=(c.ITEM_ID,)),
    checks={"uncertainty": _share(c.UNCERTAINTY)},
)
CONTENT_PROFILES = Table(
    "gold",
    "content_profiles",
    (c.CONTENT_ID,),
    schemas.CONTENT_PROFILES,
    "Category and risk of each content, with what they came from",
    (c.SCORED_AT,),
    traces=_OF_PROFILE,
    checks=_PROFILE_CHECKS,
    layout=_BY_CONTENT,
)
SHADOW_PROFILES = Table(
    "gold",
    "shadow_profiles",
    (c.CONTENT_ID,),
    schemas.CONTENT_PROFILES,
    "What the candidates make of each content, beside the champions' gold.content_profiles",
    (c.SCORED_AT,),
    traces=_OF_PROFILE,
    checks=_PROFILE_CHECKS,
)
CREATOR_PROFILES = Table(
    "gold",
    "creator_profiles",
    (c.CREATOR_ID,),
    schemas.CREATOR_PROFILES,
    "Category shares, modality and risk of each creator",
    (c.AS_OF,),
    traces=Traces(creators=(c.CREATOR_ID,)),
    checks={"shares": _shares(c.CATEGORY_SHARES), "risks": _shares(c.RISK), "n_content": f"{c.N_CONTENT} >= 0"},
    layout=Layout((c.CREATOR_ID,)),
)
CREATOR_PROFILE_HISTORY = Table(
    "gold",
    "creator_profile_history",
    # Numbered and not by time: two runs at once give the same change the same key, so that it stands once.
    (c.CREATOR_ID, c.REVISION),
    schemas.CREATOR_PROFILE_HISTORY,
    "What each creator was from when to when, what changed and why (slowly changing, type 2)",
    (c.VALID_FROM, c.VALID_TO),
    traces=Traces(creators=(c.CREATOR_ID,)),
)
TAXONOMY_NODES = Table(
    "gold",
    "taxonomy_nodes",
    (c.NODE_ID, c.VERSION),
    schemas.TAXONOMY_NODES,
    "The tree of topics, every version of it whole",
    traces=OF_NOBODY,
    checks={"level": f"{c.LEVEL} >= 1 AND {c.LEVEL} <= 4", "size": f"{c.SIZE} >= 0"},
)
TAXONOMY_VERSIONS = Table(
    "gold",
    "taxonomy_versions",
    (c.VERSION,),
    schemas.TAXONOMY_VERSIONS,
    "Versions of the tree of topics: what made each, and from what",
    (c.MADE_AT,),
    traces=OF_NOBODY,
)
TAXONOMY_CHANGES = Table(
    "gold",
    "taxonomy_changes",
    (c.CHANGE_ID,),
    schemas.TAXONOMY_CHANGES,
    "What each version of the tree of topics changed: births, deaths, splits, merges, renames and moves",
    (c.CHANGED_AT,),
    traces=OF_NOBODY,
)
TOPIC_ASSIGNMENTS = Table(
    "gold",
    "topic_assignments",
    (c.CONTENT_ID,),
    schemas.TOPIC_ASSIGNMENTS,
    "Where in the tree of topics in force each content is",
    traces=Traces(contents=(c.CONTENT_ID,)),
    checks={"probability": _share(c.PROBABILITY)},
)
TOPIC_REPRESENTATIVES = Table(
    "gold",
    "topic_representatives",
    (c.NODE_ID, c.VERSION, c.CONTENT_ID),
    schemas.TOPIC_REPRESENTATIVES,
    "Contents that show what a topic is about",
    traces=Traces(contents=(c.CONTENT_ID,)),
)
TOPIC_SHARES_BY_WEEK = Table(
    "gold",
    "topic_shares_by_week",
    (c.WEEK, c.NODE_ID),
    schemas.TOPIC_SHARES_BY_WEEK,
    "How much of each week's content is at each topic",
    traces=OF_NOBODY,
    checks={"share": _share(c.SHARE)},
)
TOPIC_SHARES_BY_CREATOR = Table(
    "gold",
    "topic_shares_by_creator",
    (c.CREATOR_ID, c.NODE_ID),
    schemas.TOPIC_SHARES_BY_CREATOR,
    "How much of each creator's content is at each topic",
    traces=Traces(creators=(c.CREATOR_ID,)),
    checks={"share": _share(c.SHARE)},
)
MODEL_EVALUATIONS = Table(
    "gold",
    "model_evaluations",
    (c.MODEL, c.VERSION, c.FACET, c.SLICE, c.METRIC),
    schemas.MODEL_EVALUATIONS,
    "Figures of each model version on held-out contents",
    traces=OF_NOBODY,
)
PROMOTIONS = Table(
    "gold",
    "promotions",
    ("decision_id",),
    schemas.PROMOTIONS,
    "Each decision to move the champion or not, and why",
    ("decided_at",),
    traces=OF_NOBODY,
)
JOB_RUNS = Table("ops", "job_runs", ("run_id",), schemas.JOB_RUNS, "Each run of each job", traces=OF_NOBODY)
LEDGER = Table(
    "ops",
    "ledger",
    ("application", "batch", "table_name"),
    schemas.LEDGER,
    "Each batch of each table: what it reads, and whether it is done",
    ("started_at", "finished_at"),
    traces=OF_NOBODY,
)
ERASURES = Table(
    "ops",
    "erasures",
    ("erasure_id",),
    schemas.ERASURES,
    "Each erasure of a creator, without a word of whom",
    traces=OF_NOBODY,
)
ERASED_IDS = Table(
    "ops",
    "erased_ids",
    (c.ID_HASH, "creator_hash"),
    schemas.ERASED_IDS,
    "Salted hashes of erased ids, by which ingest_bronze knows what must not come back",
    ("erased_at",),
    traces=OF_NOBODY,
)

ALL: tuple[Table, ...] = (
    CREATORS,
    CONTENT,
    VOTES,
    GOLD_LABELS,
    QUARANTINE,
    SOURCE_FILES,
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
    TAXONOMY_NODES,
    TAXONOMY_VERSIONS,
    TAXONOMY_CHANGES,
    TOPIC_ASSIGNMENTS,
    TOPIC_REPRESENTATIVES,
    TOPIC_SHARES_BY_WEEK,
    TOPIC_SHARES_BY_CREATOR,
    MODEL_EVALUATIONS,
    PROMOTIONS,
    JOB_RUNS,
    LEDGER,
    ERASURES,
    ERASED_IDS,
)

BY_NAME: dict[str, Table] = {table.full_name: table for table in ALL}
