"""A small copy of a lake to try things in: its own tables and models, in a folder that goes with the session.

An erasure does not look into copies, so a copy must not stay: it is removed when it is closed, when nothing refers to
it any more, and when Python ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.errors import ConfigurationError
from linnaeus.contracts.tables import Table
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import side_by_side
from linnaeus.suite.context import Context

# What was supplied, and what is made of each content alone.
COPIED = (
    tables.CONTENT,
    tables.CREATORS,
    tables.VOTES,
    tables.GOLD_LABELS,
    tables.TOKENS,
    tables.TEXT_EMBEDDINGS,
    tables.EMBEDDINGS,
    tables.LABELS,
)
_OF_A_THOUSAND = 1_000
_ID = "__id"


def settings_of(folder: Path) -> list[str]:
    """Settings that keep a suite within a folder: tables, models, reports and all else."""
    return [
        f"lake.root={folder / 'lake'}",
        "lake.catalog=null",
        f"tracking.uri=sqlite:///{folder / 'mlflow.db'}",
        f"tracking.artifacts={folder / 'artifacts'}",
        "registry.uri=null",
        *(f"sources.{name}=null" for name in ("content", "creators", "votes", "gold_labels")),
        *(f"{name}.folder=null" for name in ("reports", "review", "search")),
        "training.checkpoints=null",
        "run.batch=null",
    ]


def fill(source: Context, target: Lake, contents: int) -> int:
    """Copy about so many contents into an empty lake, whole creators at a time, with all that is known of them.

    Creators are drawn by a hash of their ids: the same ones each time. Returns how many contents there are.
    Raises ConfigurationError for a lake without contents.
    """
    content = source.read(tables.CONTENT)
    n = content.count()
    if n == 0:
        raise ConfigurationError("bronze.content is empty; there is nothing to copy")
    share = min(1.0, contents / n)
    is_drawn = F.pmod(F.xxhash64(c.CREATOR_ID), F.lit(_OF_A_THOUSAND)) < F.lit(round(share * _OF_A_THOUSAND))
    chosen = content.where(is_drawn).select(c.CONTENT_ID, c.CREATOR_ID, c.CONTENT_HASH).cache()
    try:
        wanted = [table for table in COPIED if source.exists(table)]
        side_by_side(lambda table: target.merge(_part(source.read(table), table, chosen, is_drawn), table), wanted)
        return chosen.count()
    finally:
        chosen.unpersist()


def _part(rows: DataFrame, table: Table, chosen: DataFrame, is_drawn: Column) -> DataFrame:
    """A table's rows of the chosen contents and their creators, by the columns that tell of them."""
    traces = table.traces
    assert traces is not None
    if traces.creators:
        return rows.where(is_drawn)
    column = (traces.contents or traces.items or traces.texts)[0]
    ids = [c.CONTENT_HASH] if traces.texts and not traces.contents else [c.CONTENT_ID]
    if traces.items:
        ids.append(c.CREATOR_ID)
    known = chosen.select(F.explode(F.array(*ids)).alias(_ID)).distinct()
    return rows.join(known, F.col(column) == F.col(_ID), "left_semi")


# Who votes where nobody did yet, and how often each is right; who is never right on purpose guesses.
PRACTICE = {"ann": 0.95, "bob": 0.9, "cleo": 0.8, "dan": 0.7, "guess": 0.0}
_A_CONTENT = 3  # votes
_GOLD = 0.1  # share of gold labels that stay beside constructed votes: by these annotators are judged
_VOTED_AT = "2026-01-01 08:00:00"


@dataclass(frozen=True)
class Votes:
    """How many votes there are now, on how many contents and facets, and whether they are constructed."""

    votes: int
    items: int
    are_constructed: bool

    def __str__(self) -> str:
        how = "constructed from the gold labels" if self.are_constructed else "as they were given"
        return f"{self.votes:,} votes on {self.items:,} items, {how}"


def take_votes(source: Context, target: Lake, share: float) -> Votes:
    """Let a copied lake know the votes on a share of its items (by a hash), and no label that is not from these.

    They are the source's own where it has any. Else they are constructed from its gold labels, of which a tenth stay.
    """
    votes = source.read(tables.VOTES) if source.exists(tables.VOTES) else None
    gold = source.read(tables.GOLD_LABELS)
    are_constructed = votes is None or votes.isEmpty()
    content = target.read(tables.CONTENT)
    ids = content.select(F.explode(F.array(c.CONTENT_ID, c.CREATOR_ID)).alias(c.ITEM_ID)).distinct()
    gold = gold.join(ids, c.ITEM_ID, "left_semi").select(*tables.GOLD_LABELS.columns)
    if votes is None or are_constructed:
        votes = constructed_votes(gold)
        gold = gold.where(_chance("gold", c.ITEM_ID) < _GOLD)
    known = votes.join(ids, c.ITEM_ID, "left_semi").where(_chance("item", c.ITEM_ID) < share)
    target.replace(known.select(*tables.VOTES.columns), tables.VOTES)
    target.replace(gold, tables.GOLD_LABELS)
    target.replace(target.session.createDataFrame([], tables.LABELS.schema), tables.LABELS)
    stored = target.read(tables.VOTES)
    return Votes(stored.count(), stored.select(c.ITEM_ID, c.FACET).distinct().count(), are_constructed)


def constructed_votes(gold: DataFrame) -> DataFrame:
    """Rows of bronze.votes for rows of bronze.gold_labels: each item gets votes of some of PRACTICE's annotators.

    One votes right with the probability that stands beside the name, else by chance among the facet's labels. All of
    it depends on hashes of ids, so that it is the same each time.
    """
    answers = gold.groupBy(c.FACET).agg(F.sort_array(F.collect_set(c.LABEL)).alias("answers"))
    who = F.array(
        *[F.struct(F.lit(name).alias("name"), F.lit(right).alias("right")) for name, right in PRACTICE.items()]
    )
    each = (
        gold.join(F.broadcast(answers), c.FACET)
        .withColumn("who", F.explode(who))
        .select(
            c.ITEM_ID,
            c.FACET,
            F.col("who.name").alias(c.ANNOTATOR_ID),
            F.col("who.right").alias("right"),
            c.LABEL,
            "answers",
        )
    )
    order = Window.partitionBy(c.ITEM_ID, c.FACET).orderBy(_chance("order", c.ITEM_ID, c.ANNOTATOR_ID), c.ANNOTATOR_ID)
    chosen = each.withColumn(c.PLACE, F.row_number().over(order)).where(F.col(c.PLACE) <= _A_CONTENT)
    of_vote = [c.ITEM_ID, c.FACET, c.ANNOTATOR_ID]
    by_chance = F.element_at("answers", (F.floor(_chance("any", *of_vote) * F.size("answers")) + 1).cast("int"))
    return chosen.select(
        *of_vote,
        F.when(_chance("right", *of_vote) < F.col("right"), F.col(c.LABEL)).otherwise(by_chance).alias(c.LABEL),
        (F.lit(_VOTED_AT).cast("timestamp") + F.make_interval(secs=F.col(c.PLACE) * 20)).alias(c.VOTED_AT),
        F.current_timestamp().alias(c.INGESTED_AT),
    )


def _chance(salt: str, *names: str) -> Column:
    """A number from 0 up to 1 that depends on the columns and a salt alone."""
    return F.pmod(F.xxhash64(F.lit(salt), *[F.col(name) for name in names]), F.lit(1_000_003)) / 1_000_003
