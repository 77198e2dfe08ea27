"""Typed configuration: conf/base.yml, overlaid by conf/<env>.yml, overlaid by `--set section.key=value`.

Every section is frozen and refuses keys it does not know; the error names the nearest key that it does know.
"""

from __future__ import annotations

import codecs
import datetime
import difflib
import re
from collections.abc import Mapping, Sequence
from functools import reduce
from importlib import resources
from itertools import pairwise
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from linnaeus.contracts import strict_yaml
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.fingerprints import fingerprint as fingerprint  # most read it from here
from linnaeus.contracts.run_settings import Run


def is_version(text: str) -> bool:
    """Tell whether a text is the number of a version as registries write it: `3`, not `03`, `+3`, `3.0` or `٣`."""
    return _VERSION.fullmatch(text) is not None


def _no_number(value: object) -> object:
    if isinstance(value, (int, float)):  # pydantic would count seconds from 1970: a year is none of those
        raise ValueError("give a date or a time, as 2024-06-01 or 2024-06-01T00:00:00Z")
    return value


def _in_utc(value: datetime.datetime) -> datetime.datetime:
    """The same instant is the same setting, in whichever zone it is written."""
    utc = datetime.timezone.utc
    return value.replace(tzinfo=utc) if value.tzinfo is None else value.astimezone(utc)


def _known_encoding(value: str) -> str:
    """The one name of an encoding. Raises ValueError where Python knows none of this name that is of text."""
    try:
        "".encode(value)
        return codecs.lookup(value).name
    except LookupError:
        raise ValueError("no encoding of this name is known; give one as utf-8, windows-1252 or shift_jis") from None


Time = Annotated[datetime.datetime, BeforeValidator(_no_number), AfterValidator(_in_utc)]  # in UTC
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_\-]{0,127}$")]
UNITY_CATALOG = ("databricks-uc", "uc:")  # how a `registry.uri` of Unity Catalog begins
_NO_ENVIRONMENTS = {"base", "taxonomy", "risk"}
_VERSION = re.compile(r"[1-9][0-9]{0,8}")
_NULLS = {"", "~", "null", "Null", "NULL"}  # what YAML reads as null
_BLANKS = " \t\r\n"
Delimiter = Annotated[str, StringConstraints(min_length=1, strip_whitespace=False)]
Encoding = Annotated[str, AfterValidator(_known_encoding)]
NodeId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00\s][^\x00]*$")]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


class Lake(_Section):
    """Where tables lie: a folder (`root`) or Unity Catalog (`catalog`), one of the two; `files` is for the rest.

    `schema_prefix` stands before the names of a catalog's schemas.
    """

    root: str | None = None
    catalog: Identifier | None = None
    schema_prefix: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")] | None = None
    files: str | None = None
    merge_retries: int = Field(ge=0, le=50)
    deletion_vectors: bool

    @model_validator(mode="after")
    def _one_place(self) -> Lake:
        if (self.root is None) == (self.catalog is None):
            raise ValueError("set either lake.root (a folder) or lake.catalog (Unity Catalog)")
        return self


class Tracking(_Section):
    """MLflow tracking."""

    uri: str
    experiment: str
    artifacts: str | None = None


class Registry(_Section):
    """MLflow model registry: its place and the names of the two models."""

    uri: str | None = None
    category_model: str
    risk_model: str

    @model_validator(mode="after")
    def _three_levels_in_unity_catalog(self) -> Registry:
        if not (self.uri or "").startswith(UNITY_CATALOG):
            return self
        for setting in ("category_model", "risk_model"):
            levels = getattr(self, setting).split(".")
            if len(levels) != 3 or not all(map(str.strip, levels)):
                raise ValueError(
                    f"registry.{setting}: {'.'.join(levels)!r} is no name in Unity Catalog. Write catalog.schema.model"
                )
        return self


class Spark(_Section):
    """The session. Where `master` is not set the session that is there is used (Databricks)."""

    master: str | None = None
    driver_memory: str
    executor_memory: str
    shuffle_partitions: int = Field(ge=1)
    packages: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    ivy_folder: str
    extra: dict[str, str] = Field(default_factory=dict)


class Sources(_Section):
    """Files to ingest: a file, a folder or a glob each; one that is not set is skipped."""

    content: str | None = None
    creators: str | None = None
    votes: str | None = None
    gold_labels: str | None = None


class Ingest(_Section):
    """What a record may be."""

    kinds: tuple[str, ...]
    max_body_bytes: int = Field(ge=1)
    encoding: Encoding
    votes_form: Literal["auto", "votes", "label_studio", "doccano", "argilla", "prodigy"] = "auto"
    votes_annotator: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    votes_question: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None


class Tokens(_Section):
    """The Spark NLP stages of build_tokens."""

    exceptions: tuple[Literal["url", "email", "hashtag", "mention"], ...]
    clean_up_patterns: tuple[str, ...]
    lowercase: bool
    min_length: int = Field(ge=1)
    max_length: int = Field(ge=1, le=1000)
    stop_words: tuple[str, ...]
    normal_form: Literal["none", "stem", "lemma"]
    lemma_dictionary: str | None = None
    lemma_key_delimiter: Delimiter
    lemma_value_delimiter: Delimiter
    ngrams: tuple[Annotated[int, Field(ge=1, le=5)], ...] = Field(min_length=1)
    detect_sentences: bool
    detect_language: bool
    languages: tuple[str, ...]
    language_confidence: float = Field(ge=0, le=1)
    texts_a_partition: int = Field(ge=1)


class Embedder(_Section):
    """The embedder: a folder that Spark NLP loads (or the name of one of its own models), and how texts are read."""

    path: str | None = None
    pretrained: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,100}$")] | None = None
    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}$")] = "en"
    name: Identifier
    annotator: Literal["E5Embeddings", "BGEEmbeddings", "MPNetEmbeddings"]
    dimension: int = Field(ge=1)
    max_tokens: int = Field(ge=8, le=512)
    overlap: int = Field(ge=0)
    most_windows: int | None = Field(default=None, ge=1)
    title_weight: float = Field(ge=0)
    body_weight: float = Field(gt=0)
    batch_size: int = Field(ge=1)
    windows_a_partition: int = Field(ge=1)
    megabytes_a_partition: float = Field(gt=0)
    texts_a_commit: int = Field(ge=1)
    most_failures: int = Field(ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Embedder:
        if (self.path is None) == (self.pretrained is None):
            raise ValueError("set either embedder.path (a folder) or embedder.pretrained (a name), the other to null")
        if self.overlap * 2 > self.max_tokens:
            raise ValueError("embedder.overlap may be at most half of embedder.max_tokens")
        return self


LabelMethod = Literal["auto", "majority", "wawa", "one_coin", "dawid_skene", "mace"]


class Labels(_Section):
    """How votes become labels."""

    method: LabelMethod
    methods: dict[str, LabelMethod] = Field(default_factory=dict)
    back_off_threshold: float = Field(ge=0, le=1)
    most_issues: int = Field(ge=1)


class Review(_Section):
    """What people are asked to label next."""

    budget: int = Field(ge=1)
    most_a_creator: int = Field(ge=1)
    category_share: float = Field(gt=0, le=1)
    reach_weight: float = Field(ge=0)
    most_characters: int = Field(ge=1)
    folder: str | None = None


class Reports(_Section):
    """Where HTML reports go."""

    folder: str | None = None


class Features(_Section):
    """Lexical features of the linear models."""

    hash_buckets: int = Field(ge=16, le=1 << 20)
    bigrams: bool


class Split(_Section):
    """Which creators are held out; a function of the creator's id and the seed, and of the time where one is set."""

    seed: int
    held_out_share: float = Field(gt=0, lt=1)
    calibration_share: float = Field(gt=0, lt=1)
    folds: int = Field(ge=2)
    held_out_after: Time | None = None


class Linear(_Section):
    """The linear model whose out-of-fold scores are features."""

    smoothing: float = Field(gt=0)
    ridge_penalty: float = Field(gt=0)


class Logistic(_Section):
    """The logistic regression on terms that is mixed with the booster."""

    share: float = Field(ge=0, lt=1)
    min_documents: int = Field(ge=1)
    max_terms: int = Field(ge=1, le=1 << 24)
    penalty: float = Field(gt=0)
    iterations: int = Field(ge=1)


class Booster(_Section):
    """XGBoost's parameters."""

    rounds: int = Field(ge=1)
    patience: int = Field(ge=1)
    checkpoint_rounds: int = Field(ge=1)
    max_depth: int = Field(ge=1)
    learning_rate: float = Field(gt=0, le=1)
    subsample: float = Field(gt=0, le=1)
    colsample_bytree: float = Field(gt=0, le=1)
    min_child_weight: float = Field(ge=0)
    reg_lambda: float = Field(ge=0)


class Levels(_Section):
    """From which probabilities levels of risk begin, as they are chosen in training."""

    high_precision: float = Field(gt=0, le=1)
    high_capacity: float | None = Field(default=None, gt=0, le=1)
    medium_recall: float = Field(gt=0, le=1)
    floor: float = Field(ge=0, le=1)


class Training(_Section):
    """How models are trained."""

    as_of: Time | None = None
    versions: dict[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    workers: int | None = Field(default=None, ge=1)
    rows_a_worker: int = Field(ge=1)
    checkpoints: str | None = None
    external_memory: bool
    max_rows: int | None = Field(default=None, ge=1)
    min_labels_a_class: int = Field(ge=1)
    split: Split
    labels: Literal["hard", "soft"]
    weights: Literal["probability", "none"]
    prune_suspects: bool
    balance: float = Field(ge=0, le=1)
    near_duplicate: float = Field(gt=0, le=1)
    min_validation: int = Field(ge=1)
    tree: Literal["flat", "local"]
    linear: Linear
    logistic: Logistic
    booster: Booster
    calibration: Literal["regularised_platt", "platt", "isotonic"]
    levels: Levels
    acceptance_precision: float = Field(gt=0, le=1)

    @property
    def settings(self) -> dict[str, Any]:
        """What decides a model besides its rows: all but where rows are read and kept, and checkpoints."""
        return self.model_dump(mode="json", exclude={"as_of", "versions", "checkpoints", "external_memory"})


class Search(_Section):
    """The search for parameters."""

    family: Literal["category", "risk"]
    trials: int = Field(ge=1)
    seed: int = Field(ge=0)
    folder: str | None = None


class Evaluation(_Section):
    """What is measured of a model on held-out contents."""

    replicates: int = Field(ge=0, le=2000)
    precision: float = Field(gt=0, le=1)
    capacity: float = Field(gt=0, le=1)
    new_creator_days: int = Field(ge=1)


class Promotion(_Section):
    """When a candidate replaces the champion."""

    error_rate: float = Field(gt=0, lt=0.5)
    max_loss: float = Field(ge=0)
    min_held_out: int = Field(ge=1)
    guarded: tuple[Literal["node", "language", "kind", "creator_size", "creator"], ...]
    max_slice_loss: float = Field(ge=0)
    min_slice: int = Field(ge=1)
    max_calibration_loss: float = Field(ge=0)
    max_recall_loss: float = Field(ge=0)
    approval: Literal["automatic", "by_hand"]


class Decision(_Section):
    """A person's decision on a model: which version of it, and who says so."""

    model: str | None = None
    version: str | None = None
    by: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None

    @field_validator("version", mode="before")
    @classmethod
    def _as_text(cls, value: object) -> object:
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @field_validator("version")
    @classmethod
    def _is_a_number(cls, value: str | None) -> str | None:
        if value is not None and not is_version(value):
            raise ValueError(f"{value!r} is no version. Write its number alone, as in 3")
        return value


class Scoring(_Section):
    """How contents are scored and levels are given."""

    rows_a_batch: int = Field(ge=1)
    rows_a_partition: int = Field(ge=1)
    rows_a_run: int | None = Field(default=None, ge=1)
    shadow: bool
    accept_threshold: float = Field(ge=0, le=1)
    medium_threshold: float = Field(ge=0, le=1)
    high_threshold: float = Field(ge=0, le=1)
    least_probability: float = Field(ge=0, lt=1)


Modality = Literal["writing", "podcast", "video", "music", "art"]


class Modalities(_Section):
    """What contents are a creator's writing, podcast, video, music or art."""

    kinds: dict[str, Modality]
    nodes: dict[str, dict[str, Modality]] = Field(default_factory=dict)


class CreatorRisk(_Section):
    """The chance that at least `at_least` of a creator's next `next_posts` contents are in a risk area."""

    next_posts: int = Field(ge=1, le=100)
    at_least: int = Field(ge=1)
    at_least_in: dict[str, Annotated[int, Field(ge=1)]] = Field(default_factory=dict)
    flag_from: float = Field(gt=0, le=1)
    prior_posts: float = Field(gt=0, le=1000)
    least_creators: int = Field(ge=2)

    @model_validator(mode="after")
    def _can_be_reached(self) -> CreatorRisk:
        most = max([self.at_least, *self.at_least_in.values()])
        if most > self.next_posts:
            raise ValueError(
                f"at least {most} of the next {self.next_posts} posts can't be; raise next_posts or lower at_least"
            )
        return self


class Creators(_Section):
    """How contents are rolled up to their creators."""

    half_life_days: float | None = Field(default=None, gt=0)
    reach_weight: float = Field(ge=0, le=1)
    interval: float = Field(gt=0, lt=1)
    accept_share: float = Field(ge=0, lt=1)
    least_contents: float = Field(ge=0)
    modality: Modalities
    risk: CreatorRisk


def _id_as_given(value: object) -> object:
    """An id, not what YAML made of it: it reads 012 as 10, and another one would be meant."""
    if value is not None and not isinstance(value, str):
        raise ValueError("give an id that YAML takes for a number or a date in quotes, as '\"012\"'")
    return value


class Erase(_Section):
    """Which creator is erased, and how what was erased is kept from being read or coming back."""

    creator_id: Annotated[str, StringConstraints(min_length=1, strip_whitespace=False)] | None = None
    retention_hours: float = Field(ge=0)
    secret_variable: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]

    @field_validator("creator_id", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        return _id_as_given(value)


class Explain(_Section):
    """Which content's row of gold.content_profiles is explained, as of when, and how much is told."""

    content_id: Annotated[str, StringConstraints(min_length=1, strip_whitespace=False)] | None = None
    as_of: Time | None = None
    exact_only: bool
    n_features: int = Field(ge=1)
    n_words: int = Field(ge=1)
    n_neighbours: int = Field(ge=0, le=1000)

    @field_validator("content_id", mode="before")
    @classmethod
    def _is_text(cls, value: object) -> object:
        return _id_as_given(value)


class TableUpkeep(_Section):
    """Bounds of one table; null: those of all."""

    retention_hours: float | None = Field(default=None, ge=0)
    file_megabytes: float | None = Field(default=None, gt=0)
    spare_files: int | None = Field(default=None, ge=1)


class Maintain(_Section):
    """How tables are kept in shape."""

    retention_hours: float = Field(ge=0)
    file_megabytes: float = Field(gt=0)
    spare_files: int = Field(ge=1)
    z_order_files: int = Field(ge=2)
    tables: dict[str, TableUpkeep] = Field(default_factory=dict)

    def of(self, table: str) -> Maintain:
        """The bounds of a table (its full name): its own, and those of all tables where it has none."""
        own = self.tables.get(table, TableUpkeep()).model_dump(exclude_none=True)
        return self.model_copy(update=own)


class Serving(_Section):
    """The read API: where it listens, who may ask, and how much an answer holds."""

    host: Annotated[str, StringConstraints(min_length=1)]
    port: int = Field(ge=0, le=65535)
    key_variable: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
    require_key: bool
    refresh_seconds: float = Field(gt=0, le=86400)
    page_size: int = Field(ge=1)
    most_a_page: int = Field(ge=1, le=10_000)
    cached_contents: int = Field(ge=0)

    @model_validator(mode="after")
    def _fits(self) -> Serving:
        if self.page_size > self.most_a_page:
            raise ValueError("serving.page_size may be at most serving.most_a_page")
        return self


class Facets(_Section):
    """The files that list what may be labelled."""

    path: str


class TaxonomySettings(Facets):
    """The file that lists categories, and what is done by hand to the tree of topics."""

    curation: str | None = None
    take_back: int | None = Field(default=None, ge=1)


class Guided(_Section):
    """How contents join the nodes that a person decides of, and topics hang below those."""

    enabled: bool
    read_nodes: bool
    margin: float = Field(ge=0, le=10)
    join_from: float | None = Field(default=None, ge=-1, le=1)
    below_from: float = Field(ge=-1, le=1)
    absorb_from: float = Field(ge=-1, le=1)
    least_examples: int = Field(ge=1)


class Discovery(_Section):
    """How topics are discovered."""

    method: Literal["vectors", "lda"]
    topics: int | None = Field(default=None, ge=1, le=2000)
    least_topics: int = Field(ge=1, le=2000)
    most_topics: int = Field(ge=1, le=2000)
    criterion: Literal["silhouette", "coherence"]
    least_contents: int = Field(ge=1)
    a_creator: int = Field(ge=1)
    fit_contents: int = Field(ge=100)
    sample_contents: int = Field(ge=100, le=100_000)
    seed: int = Field(ge=0)
    passes: int = Field(ge=0, le=100)
    prototypes_a_topic: int = Field(ge=1, le=50)
    most_prototypes: int = Field(ge=2, le=5000)
    reduction: Literal["none", "pca", "random_projection"]
    components: int = Field(ge=2, le=4096)
    term_share: float = Field(ge=0, le=1)
    pairs: bool
    least_texts: int = Field(ge=1)
    most_terms: int = Field(ge=100, le=200_000)
    keywords: int = Field(ge=1, le=100)
    tiers: int = Field(ge=1, le=4)
    temperature: float = Field(gt=0, le=10)
    likely: int = Field(ge=1, le=100)
    unplaced_share: float = Field(ge=0, le=1)
    representatives: int = Field(ge=1, le=100)
    rows_a_partition: int = Field(ge=1)
    iterations: int = Field(ge=1, le=1000)
    guided: Guided

    @model_validator(mode="after")
    def _in_order(self) -> Discovery:
        if self.least_topics > self.most_topics:
            raise ValueError("discovery.least_topics may be at most discovery.most_topics")
        return self


class Exchange(_Section):
    """A taxonomy that is read in one form and written in another; the forms go by the files' extensions."""

    source: str | None = None
    target: str | None = None
    replace: bool
    base_uri: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9+.\-]*:[^\s<>\"{}|\\^`]*[/:#=]$")]


class Sample(_Section):
    """Where the sample's sources are written, and how its texts are read."""

    folder: str
    downloads: str
    most_windows: int | None = Field(default=None, ge=1)


class Config(_Section):
    """All settings. Made by `load_config`; frozen."""

    env: str
    lake: Lake
    tracking: Tracking
    registry: Registry
    spark: Spark
    sources: Sources
    ingest: Ingest
    tokens: Tokens
    embedder: Embedder
    taxonomy: TaxonomySettings
    risk: Facets
    labels: Labels
    review: Review
    reports: Reports
    features: Features
    training: Training
    search: Search
    evaluation: Evaluation
    promotion: Promotion
    decision: Decision
    run: Run
    scoring: Scoring
    creators: Creators
    erase: Erase
    explain: Explain
    maintain: Maintain
    serving: Serving
    discovery: Discovery
    exchange: Exchange
    sample: Sample

    @model_validator(mode="after")
    def _pairs_once(self) -> Config:
        if self.features.bigrams and set(self.tokens.ngrams) != {1}:
            raise ValueError("features.bigrams pairs what tokens.ngrams has joined; set it to false, or ngrams to [1]")
        return self

    @property
    def reports_folder(self) -> Path | None:
        """Where HTML reports go: `reports.folder`, else below `lake.files` or `lake.root`, or None."""
        return self._beside_tables(self.reports.folder, "reports")

    @property
    def review_folder(self) -> Path | None:
        """Where the review queue's files go: `review.folder`, else below `lake.files` or `lake.root`, or None."""
        return self._beside_tables(self.review.folder, "review")

    @property
    def checkpoint_folder(self) -> Path | None:
        """Where fits are kept until they are done: `training.checkpoints`, else as reports."""
        return self._beside_tables(self.training.checkpoints, "checkpoints")

    @property
    def search_folder(self) -> Path | None:
        """Where trials are kept: `search.folder`, else below `lake.files` or `lake.root`, or None."""
        return self._beside_tables(self.search.folder, "search")

    def _beside_tables(self, given: str | None, name: str) -> Path | None:
        if given is not None:
            return resolve(given)
        place = self.lake.files or self.lake.root
        return resolve(place) / name if place is not None else None

    def read_taxonomy(self) -> Taxonomy:
        """The tree of `taxonomy.path`, checked. Raises ConfigurationError."""
        return Taxonomy.model_validate_or_teach(_read_yaml(resolve(self.taxonomy.path)), self.taxonomy.path)

    def read_risk(self) -> RiskAreas:
        """The areas of `risk.path`, checked. Raises ConfigurationError."""
        return RiskAreas.model_validate_or_teach(_read_yaml(resolve(self.risk.path)), self.risk.path)


_D = TypeVar("_D", bound="_Document")


class _Document(_Section):
    @classmethod
    def model_validate_or_teach(cls: type[_D], document: Any, where: str) -> _D:
        """Validate, or raise ConfigurationError in one line that names the file."""
        try:
            return cls.model_validate(document)
        except ValidationError as error:
            raise ConfigurationError(f"{where}: {_first_problem(error, cls)}") from error


class Node(_Section):
    """A node of the taxonomy."""

    id: NodeId
    name: str
    parent: NodeId | None = None
    description: str | None = None
    examples: tuple[str, ...] = ()
    threshold: float | None = Field(default=None, ge=0, le=1)


class Taxonomy(_Document):
    """The category tree: ids once each, every parent known, no cycle."""

    nodes: tuple[Node, ...]

    @field_validator("nodes")
    @classmethod
    def _is_a_forest(cls, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        ids = [node.id for node in nodes]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"node id {twice[0]!r} stands twice")
        parents = {node.id: node.parent for node in nodes}
        for node in nodes:
            if node.parent is not None and node.parent not in parents:
                raise ValueError(f"node {node.id!r} names the parent {node.parent!r}, which is no node")
        for node in nodes:
            seen, current = {node.id}, node.parent
            while current is not None:
                if current in seen:
                    raise ValueError(f"node {current!r} is its own ancestor")
                seen.add(current)
                current = parents[current]
        return nodes

    @property
    def ids(self) -> tuple[str, ...]:
        """All node ids, in the file's order."""
        return tuple(node.id for node in self.nodes)

    def path(self, node_id: str) -> tuple[str, ...]:
        """Node ids from the root to `node_id`. Raises KeyError for an id that is no node."""
        parents = self.parents
        if node_id not in parents:
            raise KeyError(node_id)
        return path_of(node_id, parents)

    @property
    def parents(self) -> dict[str, str | None]:
        """The parent of each node; None for a root."""
        return {node.id: node.parent for node in self.nodes}

    @property
    def version(self) -> str:
        """A fingerprint of ids, parents and thresholds: it changes when what they mean for a score does."""
        return fingerprint([[n.id, n.parent, n.threshold] for n in self.nodes])


def _is_seen(word: str) -> str:
    from linnaeus.contracts.legible import folded  # here, as most risk files have no rules

    if not folded(word):
        raise ValueError(f"{word!r} shows nothing that a text could be searched for. Give a word")
    return word


def _is_host(domain: str) -> str:
    from linnaeus.contracts.hosts import canonical_host

    if any(sign in domain for sign in "/:?#@*") or canonical_host(domain) is None:
        raise ValueError(f"{domain!r} is no domain. Give it without scheme, port and path, as example.org")
    return domain


_Word = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_is_seen)]
_Domain = Annotated[str, StringConstraints(min_length=1, max_length=253), AfterValidator(_is_host)]


class Rule(_Section):
    """What raises an area's level to `level`, whatever the model says: words, or links to domains."""

    id: Identifier
    words: tuple[_Word, ...] = ()
    domains: tuple[_Domain, ...] = ()
    level: Literal["medium", "high"]

    @model_validator(mode="after")
    def _has_something(self) -> Rule:
        if not self.words and not self.domains:
            raise ValueError(f"rule {self.id!r} has neither words nor domains")
        return self


class Area(_Section):
    """A risk area: the probabilities from which its levels begin, the grade from which a vote says yes, its rules."""

    id: Identifier
    name: str
    medium: float | None = Field(default=None, ge=0, le=1)
    high: float | None = Field(default=None, ge=0, le=1)
    severe_from: int = Field(default=3, ge=2, le=5)
    rules: tuple[Rule, ...] = ()

    @field_validator("rules")
    @classmethod
    def _rules_once_each(cls, rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
        ids = [rule.id for rule in rules]
        if len(set(ids)) < len(ids):
            raise ValueError("a rule id stands twice")
        return rules


class RiskAreas(_Document):
    """The risk areas."""

    areas: tuple[Area, ...]

    @field_validator("areas")
    @classmethod
    def _once_each(cls, areas: tuple[Area, ...]) -> tuple[Area, ...]:
        ids = [area.id for area in areas]
        if len(set(ids)) < len(ids):
            raise ValueError("an area id stands twice")
        return areas

    @property
    def ids(self) -> tuple[str, ...]:
        """All area ids, in the file's order."""
        return tuple(area.id for area in self.areas)


def path_of(node_id: str, parents: Mapping[str, str | None]) -> tuple[str, ...]:
    """Node ids from the root to `node_id`; an id that is not among `parents` is a root."""
    path = [node_id]
    while (parent := parents.get(path[0])) is not None:
        path.insert(0, parent)
    return tuple(path)


def repository() -> Path | None:
    """The checkout this code runs from, or None where it was installed as a wheel."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / "conf" / "base.yml").is_file() else None


def resolve(path: str) -> Path:
    """A path from the configuration: absolute as it is, relative to the checkout (else to the working folder)."""
    given = Path(path).expanduser()
    if given.is_absolute():
        return given
    base = repository() or Path.cwd()
    candidate = base / given
    if candidate.exists() or repository() is not None:
        return candidate
    packaged = Path(str(resources.files("linnaeus.conf"))) / given.name
    return packaged if packaged.is_file() else candidate


def conf_folder() -> Path:
    """Where base.yml lies: the checkout's conf/, or the copy inside the wheel."""
    root = repository()
    return root / "conf" if root is not None else Path(str(resources.files("linnaeus.conf")))


def load_config(env: str, overrides: tuple[str, ...] | list[str] = (), folder: Path | None = None) -> Config:
    """Settings of an environment.

    Parameters: `env` names conf/<env>.yml; `overrides` are `section.key=value`. The value of a string is taken as it is
    typed, without blanks around it (`null` or nothing: null; whole in quotes: as YAML reads it); any other is YAML.
    Where `sources.content` is the sample's, `embedder.most_windows` is `sample.most_windows`, unless the environment or
    an override sets it.
    Raises ConfigurationError, in one line, for an unknown environment or key, or a value out of range.
    """
    folder = folder or conf_folder()
    known = sorted(p.stem for p in folder.glob("*.yml") if p.stem not in _NO_ENVIRONMENTS)
    if env not in known:
        raise ConfigurationError(f"--env {env}: there is no {folder.name}/{env}.yml; known: {', '.join(known)}")
    base = _read_yaml(folder / "base.yml")
    layers = [_read_yaml(folder / f"{env}.yml"), *map(_parse_override, overrides)]
    settings = reduce(_overlay, layers, base)
    if _reads_the_sample(settings):
        own = {"most_windows": settings["sample"].get("most_windows")}
        settings = reduce(_overlay, layers, _overlay(base, {"embedder": own}))
    settings["env"] = env
    try:
        return Config.model_validate(settings)
    except ValidationError as error:
        raise ConfigurationError(f"configuration: {_first_problem(error, Config)}") from error


def _reads_the_sample(settings: dict[str, Any]) -> bool:
    """Whether `sources.content` lies in `sample.folder`."""
    sources, sample = (settings.get(section) for section in ("sources", "sample"))
    if not isinstance(sources, dict) or not isinstance(sample, dict):
        return False
    content, folder = sources.get("content"), sample.get("folder")
    if not isinstance(content, str) or not isinstance(folder, str):
        return False
    return resolve(content).is_relative_to(resolve(folder))


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(f"{path}: no such file") from error
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    document = strict_yaml.read(text, str(path))
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path}: a mapping is expected at the top")
    return document


def _parse_override(text: str) -> dict[str, Any]:
    key, separator, raw = text.partition("=")
    if not separator or not key.strip():
        raise ConfigurationError(f"--set {text}: write section.key=value")
    parts = key.strip().split(".")
    value: Any = _as_typed(raw) if _is_string(parts) else _as_yaml(raw, key.strip())
    for part in reversed(parts):
        value = {part: value}
    return value  # type: ignore[no-any-return]


def _is_string(parts: Sequence[str]) -> bool:
    """Whether a setting holds a string, or null."""
    kind: Any = Config
    for part in parts:
        if not isinstance(kind, type) or not issubclass(kind, BaseModel) or part not in kind.model_fields:
            return False
        kind = kind.model_fields[part].annotation
    members = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    bare = {get_args(one)[0] if get_origin(one) is Annotated else one for one in members}
    return str in bare and bare <= {str, NoneType}


def _as_typed(raw: str) -> str | None:
    """The text as it stands: an id `1e5`, `yes` or `a #b` is nothing else. Null or nothing: None."""
    text = raw.strip(_BLANKS)
    if text in _NULLS:
        return None
    return _unquoted(text) if text[0] in "'\"" else text


def _unquoted(text: str) -> str:
    """What a text that is one string in quotes holds; any other as it is."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError):
        return text
    if isinstance(node, yaml.ScalarNode) and node.end_mark.index == len(text):
        return str(node.value)
    return text


def _as_yaml(raw: str, key: str) -> Any:
    """Raises ConfigurationError where YAML would leave out a comment."""
    try:
        value, tokens = strict_yaml.load(raw), list(yaml.scan(raw, Loader=yaml.SafeLoader))
    except strict_yaml.DuplicateKeyError as error:
        raise ConfigurationError(f"--set {key}: {' '.join(str(error).split())}") from error
    except (yaml.YAMLError, ValueError):
        return raw  # its type says what is wrong
    if any("#" in raw[one.end_mark.index : other.start_mark.index] for one, other in pairwise(tokens)):
        raise ConfigurationError(
            f"--set {key}: what stands after # is a comment in YAML and would be lost; leave it out, or put the text "
            "that it belongs to in quotes"
        )
    return value


def _overlay(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Mappings are merged key by key; anything else replaces what lies below, an empty mapping too."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _overlay(old, value) if isinstance(old, dict) and isinstance(value, dict) and value else value
    return merged


def _first_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """The first problem in words; an unknown key before all, since it may be why another is missing."""
    problems = error.errors()
    problem = next((one for one in problems if one["type"] == "extra_forbidden"), problems[0])
    where = ".".join(str(part) for part in problem["loc"])
    if problem["type"] == "extra_forbidden":
        within = problem["input"]
        while isinstance(within, dict) and len(within) == 1:
            ((key, within),) = within.items()
            where += f".{key}"
        known = sorted(_keys(model, tuple(part for part in problem["loc"] if isinstance(part, int))))
        near = difflib.get_close_matches(where, known, n=1, cutoff=0.0)
        return f"unknown key {where!r}; the nearest known one is {near[0]!r}" if near else f"unknown key {where!r}"
    if problem["type"] == "missing":
        return f"{where} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{where}: {message} (got {problem.get('input')!r})" if where else message


def _keys(model: type[BaseModel], places: tuple[int, ...] = (), prefix: str = "") -> set[str]:
    """Dotted names of all settings below a model; of a list of models those of the element at `places[0]`."""
    keys: set[str] = set()
    for name, info in model.model_fields.items():
        kind: Any = info.annotation
        element = next(iter(get_args(kind)), None) if get_origin(kind) is tuple else None
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys |= _keys(kind, places, f"{prefix}{name}.")
        elif places and isinstance(element, type) and issubclass(element, BaseModel):
            keys |= _keys(element, places[1:], f"{prefix}{name}.{places[0]}.")
        else:
            keys.add(prefix + name)
    return keys
