"""Contents to what they tell of their creators: weighted sums by creator, facet and name.

A content weighs by how recent it is and by its reach,

    w = d · r,   d = 2^(-age / half-life),   r = 1 + reach_weight · ln(1 + views),

its age being the days to the creator's own newest content. Shares and effective sizes are ratios of sums of weights, in
which a common factor cancels: whatever day ages are counted to, the table's newest or today, they are the same. Counted
to the creator's own, they don't even differ in rounding, so a creator who published nothing new is not written anew.
A content without a date, or without views, weighs as the creator's others do on average in that respect.

Sums are of whole billionths (longs), then of decimals: the same to the last bit in whatever order they are added.
Contents are added up by creator, day, facet and name before they are sent anywhere, so that a creator of millions of
contents is no straggler.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Creators
from linnaeus.creators.modality import MODALITY, NAME, modality_entries

CONTENT, SCORED, CATEGORY, RISK = "content", "scored", "category", "risk"  # facets, beside MODALITY
FORM = "form"
_ONE = 1_000_000_000
_DAY_IN_MICROSECONDS = 86_400_000_000
_ENTRIES = "array<struct<name:string,chance:double>>"
_EXACT = "decimal(28,12)"


def pool(
    profiles: DataFrame, contents: DataFrame, settings: Creators, own_modalities: Mapping[tuple[str, str], str]
) -> DataFrame:
    """Sums over rows of gold.content_profiles, which find their kind, date and views in bronze.content.

    A row for each creator, facet and name: `content` (name "", every content), `scored` (name "", those with a
    category), `category` (nodes), `modality` and `risk` (areas). Its columns, p being the content's probability there:

    - n: contents; chance and chance2: Σ p and Σ p²; form: a digest of their kinds, dates and views;
    - weight, weight2, mass: Σ w, Σ w² and Σ w·p;
    - seen, seen2, recent: Σ d, Σ d² and Σ d·p, where reach does not count.
    """
    by_day = _by_day(_entries(_described(profiles, contents, settings), settings, own_modalities))
    return _over_days(_with_recency(by_day, settings.half_life_days))


def _described(profiles: DataFrame, contents: DataFrame, settings: Creators) -> DataFrame:
    """Profiles with `kind`, `day` (days since 1970 in UTC), `reach` (r, null where it is not known) and `form`."""
    # A date yet to come when the content was ingested is a slip, and would make all else of the creator look old.
    published = F.least(c.PUBLISHED_AT, c.INGESTED_AT)
    day = F.when(F.col(c.PUBLISHED_AT).isNotNull(), F.floor(F.unix_micros(published) / F.lit(_DAY_IN_MICROSECONDS)))
    reach = F.lit(1.0) + F.lit(settings.reach_weight) * F.log1p(F.greatest(F.col(c.VIEWS), F.lit(0)).cast("double"))
    told = contents.select(
        c.CONTENT_ID,
        c.KIND,
        day.alias("day"),
        F.when(F.col(c.VIEWS).isNotNull(), reach).alias("reach"),
        F.xxhash64(c.CONTENT_ID, c.KIND, c.PUBLISHED_AT, c.VIEWS).alias(FORM),
    )
    wanted = (c.CONTENT_ID, c.CREATOR_ID, c.CATEGORY, c.CATEGORY_PROBABILITY, c.CATEGORY_PROBABILITIES, c.RISK)
    return profiles.select(*wanted).join(told, c.CONTENT_ID, "left")


def _entries(described: DataFrame, settings: Creators, own_modalities: Mapping[tuple[str, str], str]) -> DataFrame:
    """A row for each content, facet and name, with the content's chance there."""
    top = F.array(F.struct(F.col(c.CATEGORY).alias("name"), F.col(c.CATEGORY_PROBABILITY).alias("chance")))
    always = F.array(F.struct(F.lit("").alias("name"), F.lit(1.0).alias("chance")))
    is_scored = F.col(c.CATEGORY).isNotNull()
    distribution = _or_none(F.when(is_scored, F.map_entries(c.CATEGORY_PROBABILITIES)), F.when(is_scored, top))
    found = {
        CONTENT: always,
        SCORED: _or_none(F.when(is_scored, always)),
        CATEGORY: distribution,
        MODALITY: modality_entries(distribution, settings.modality.kinds, own_modalities),
        RISK: _or_none(F.map_entries(c.RISK)),
    }
    labelled = [F.transform(entries, _labelled(facet)) for facet, entries in found.items()]
    exploded = described.select(
        c.CREATOR_ID, "day", "reach", FORM, F.explode(F.concat(*labelled)).alias("entry")
    ).select(c.CREATOR_ID, "day", "reach", FORM, "entry.*")
    return exploded.where(F.col(NAME).isNotNull() & (F.col("chance") >= 0))


def _labelled(facet: str) -> Callable[[Column], Column]:
    return lambda entry: F.struct(
        F.lit(facet).alias(c.FACET), entry["name"].alias(NAME), entry["chance"].alias("chance")
    )


def _or_none(*entries: Column) -> Column:
    """The first that is not null, else an empty array."""
    return F.coalesce(*[one.cast(_ENTRIES) for one in (*entries, F.array())])


def _by_day(entries: DataFrame) -> DataFrame:
    """Sums over a day's contents, in whole billionths."""
    reach, chance = F.col("reach"), F.col("chance")
    return entries.groupBy(c.CREATOR_ID, "day", c.FACET, NAME).agg(
        F.count(F.lit(1)).alias("n"),
        F.count(reach).alias("n_known"),
        _sum(reach).alias("reach"),
        _sum(reach * reach).alias("reach2"),
        _sum(reach * chance).alias("known"),
        _sum(F.when(reach.isNull(), chance)).alias("unknown"),
        _sum(chance).alias("chance"),
        _sum(chance * chance).alias("chance2"),
        F.bit_xor(F.col(FORM)).alias(FORM),
    )


def _sum(terms: Column) -> Column:
    return F.coalesce(F.sum(F.round(terms * _ONE).cast("long")), F.lit(0).cast("long"))


def _with_recency(by_day: DataFrame, half_life_days: float | None) -> DataFrame:
    """Adds `mean_reach` (of the creator's contents where it is known, else 1) and `recency` (d)."""
    of_creator = Window.partitionBy(c.CREATOR_ID)
    is_content = F.col(c.FACET) == CONTENT
    is_dated = is_content & F.col("day").isNotNull()

    def over_creator(condition: Column, value: Column) -> Column:
        return F.sum(F.when(condition, value)).over(of_creator)

    n_known = over_creator(is_content, F.col("n_known"))
    known = over_creator(is_content, F.col("reach"))
    newest = F.max(F.when(is_content, F.col("day"))).over(of_creator)
    rows = by_day.select(
        "*", F.when(n_known > 0, known / n_known / _ONE).otherwise(1.0).alias("mean_reach"), newest.alias("newest")
    )
    age = (F.col("newest") - F.col("day")).cast("double")
    decayed = F.pow(F.lit(0.5), age / F.lit(half_life_days)) if half_life_days is not None else F.lit(1.0)
    rows = rows.withColumn("decay", F.when(F.col("day").isNotNull(), F.round(decayed * _ONE).cast("long")))
    mean = over_creator(is_dated, F.col("decay") * F.col("n")) / over_creator(is_dated, F.col("n"))
    return rows.withColumn("recency", F.coalesce(F.col("decay").cast("double"), mean, F.lit(float(_ONE))) / _ONE)


def _over_days(rows: DataFrame) -> DataFrame:
    d, m, n_unknown = F.col("recency"), F.col("mean_reach"), F.col("n") - F.col("n_known")
    weight = d * (F.col("reach") / _ONE + n_unknown * m)
    weight2 = d * d * (F.col("reach2") / _ONE + n_unknown * m * m)
    mass = d * (F.col("known") + F.col("unknown") * m) / _ONE
    return rows.groupBy(c.CREATOR_ID, c.FACET, NAME).agg(
        F.sum("n").alias("n"),
        (F.sum("chance") / _ONE).alias("chance"),
        (F.sum("chance2") / _ONE).alias("chance2"),
        F.bit_xor(F.col(FORM)).alias(FORM),
        exact_sum(weight).alias("weight"),
        exact_sum(weight2).alias("weight2"),
        exact_sum(mass).alias("mass"),
        exact_sum(d * F.col("n")).alias("seen"),
        exact_sum(d * d * F.col("n")).alias("seen2"),
        exact_sum(d * F.col("chance") / _ONE).alias("recent"),
    )


def exact_sum(terms: Column) -> Column:
    """A sum of doubles that does not depend on their order, to twelve decimals."""
    return F.sum(terms.cast(_EXACT)).cast("double")


def effective_size(total: Column, of_squares: Column) -> Column:
    """How many contents of equal weight have the variance of these, (Σ w)² / Σ w²: Kish (1965), Survey Sampling.

    Zero where there is none.
    """
    return F.when(of_squares > 0, F.round(total * total / of_squares, 6)).otherwise(0.0)
