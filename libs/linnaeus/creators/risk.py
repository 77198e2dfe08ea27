"""The chance that at least k of a creator's next n posts are in a risk area, few posts being shrunken to the others'.

A creator's rate θ in an area is drawn from a Beta(a, b) that all creators share, with mean μ = a / (a + b) and a
strength of a + b posts. Contents' calibrated probabilities are fractional counts: the creator's own posts say

    θ ~ Beta(a + n·p, b + n·(1 - p)),   p = Σ d·x / Σ d,   n = (Σ d)² / Σ d²,

x being a content's probability, d its recency and n their effective number (reach has no say in what comes next). Of
the next m posts, X are in the area by a beta-binomial distribution: Skellam (1948), A probability distribution derived
from the binomial distribution by regarding the probability of success as variable between the sets of trials.
"""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import CreatorRisk
from linnaeus.creators.evidence import RISK, effective_size, exact_sum
from linnaeus.creators.modality import NAME

MEAN, POSTS = "prior_mean", "prior_posts"
_AREA, _AREAS = "area", "areas"
_LEAST_MEAN = 1e-4  # a rate below it, or above one less it, counts as it: no prior is sure of everything
_LEAST_POSTS, _MOST_POSTS = 0.5, 1000.0


def prior(pooled: DataFrame, settings: CreatorRisk) -> DataFrame:
    """Rows `name` (area), `prior_mean` and `prior_posts`, by the method of moments from the rows of `pool`.

    The mean is that of the J creators' own means x̄, each counting once: who publishes most must not say what a
    newcomer is like. With n contents of each, N in all and m their mean, the variance of rates between creators is what
    the analysis of variance gives,

        σ² = (B / (J - 1) - W / (N - J)) / n₀,   n₀ = (N - Σ n² / N) / (J - 1),
        B = Σ n·(x̄ - m)²,   W = Σ (x - x̄)²,

    (Searle, Casella and McCulloch, 1992, Variance Components, section 3.6) and a Beta of that mean and variance has a
    strength of μ·(1 - μ) / σ² - 1 posts (Kleinman, 1973, Proportions with extraneous variance: single and independent
    samples). The variance within creators is that of their probabilities and not the μ·(1 - μ) of votes, which would
    be too much. Where there are too few creators, or none with two contents, `settings.prior_posts` is the strength.

    Both are rounded to two significant digits: what one more post among all of them changes there must not make every
    profile be written anew.
    """
    mean = F.col("chance") / F.col("n")
    sums = (
        pooled.where(F.col(c.FACET) == RISK)
        .groupBy(NAME)
        .agg(
            F.count(F.lit(1)).cast("double").alias("creators"),
            F.sum("n").cast("double").alias("contents"),
            F.sum(F.col("n") * F.col("n")).cast("double").alias("squares"),
            exact_sum(F.col("chance")).alias("total"),
            exact_sum(mean).alias("means"),
            exact_sum(F.col("n") * mean * mean).alias("of_means"),
            exact_sum(F.col("chance2")).alias("of_chances"),
        )
    )
    mu = F.least(F.lit(1 - _LEAST_MEAN), F.greatest(F.lit(_LEAST_MEAN), F.col("means") / F.col("creators")))
    return sums.select(
        NAME,
        _two_digits(mu).alias(MEAN),
        _two_digits(_strength(mu, settings)).alias(POSTS),
    )


def _strength(mu: Column, settings: CreatorRisk) -> Column:
    creators, contents = F.col("creators"), F.col("contents")
    between = (F.col("of_means") - F.col("total") * F.col("total") / contents) / (creators - 1)
    within = (F.col("of_chances") - F.col("of_means")) / (contents - creators)
    size = (contents - F.col("squares") / contents) / (creators - 1)
    variance = F.greatest(F.lit(1e-12), (between - within) / size)
    fitted = F.least(F.lit(_MOST_POSTS), F.greatest(F.lit(_LEAST_POSTS), mu * (1 - mu) / variance - 1))
    can_be_fitted = (creators >= settings.least_creators) & (contents > creators)
    return F.when(can_be_fitted, fitted).otherwise(settings.prior_posts)


def _two_digits(value: Column) -> Column:
    unit = F.pow(F.lit(10.0), F.floor(F.log10(value)))
    return F.round(value / unit, 1) * unit


def with_posterior(pooled: DataFrame, priors: DataFrame, settings: CreatorRisk) -> DataFrame:
    """Rows of `pool` with, where they are of a risk area, `area`: its name, mean, shrunken rate and chance."""
    named = priors.select(F.col(NAME).alias("of_area"), MEAN, POSTS)
    is_area = (F.col(c.FACET) == RISK) & (F.col(NAME) == F.col("of_area"))
    n, rate = effective_size(F.col("seen"), F.col("seen2")), F.col("recent") / F.col("seen")
    # All that is older than thirty half-lives weighs nothing; then the others' rate is all that there is.
    rate = F.when(F.col("seen") > 0, F.least(F.lit(1.0), rate)).otherwise(F.col(MEAN))
    rows = pooled.join(F.broadcast(named), is_area, "left").withColumns(
        {
            "alpha": F.col(MEAN) * F.col(POSTS) + n * rate,
            "beta": (1 - F.col(MEAN)) * F.col(POSTS) + n * (1 - rate),
        }
    )
    chance = at_least(_at_least(settings), settings.next_posts, F.col("alpha"), F.col("beta"))
    told = F.struct(
        NAME,
        (F.col("chance") / F.col("n")).cast("float").alias("mean"),
        (F.col("alpha") / (F.col("alpha") + F.col("beta"))).cast("float").alias("rate"),
        chance.cast("float").alias("chance"),
    )
    return rows.withColumn(_AREA, F.when(F.col(c.FACET) == RISK, told)).drop("of_area", MEAN, POSTS, "alpha", "beta")


def risk_sums() -> list[Column]:
    """What `risk_columns` needs of a creator's rows (see `with_posterior`), aggregated."""
    return [F.array_sort(F.collect_list(_AREA)).alias(_AREAS)]


def risk_columns(settings: CreatorRisk) -> dict[str, Column]:
    """The columns of gold.creator_profiles that tell of risks, from `risk_sums`; null where no content was scored."""
    flagged = F.filter(_AREAS, lambda area: area["chance"] >= F.lit(settings.flag_from).cast("float"))
    names = F.transform(flagged, lambda area: area[NAME])
    return {
        c.RISK: _by_area("mean"),
        c.RISK_RATE: _by_area("rate"),
        c.RISK_CHANCE: _by_area("chance"),
        c.RISK_AREAS: F.when(F.size(_AREAS) > 0, names),
    }


def _by_area(name: str) -> Column:
    found = F.map_from_entries(F.transform(_AREAS, lambda area: F.struct(area[NAME], area[name])))
    return F.when(F.size(_AREAS) > 0, found)


def _at_least(settings: CreatorRisk) -> Column:
    own: Mapping[str, int] = settings.at_least_in
    if not own:
        return F.lit(settings.at_least)
    by_area = F.create_map(*[F.lit(part) for pair in own.items() for part in pair])
    return F.coalesce(by_area[F.col(NAME)], F.lit(settings.at_least))


def at_least(k: Column, n: int, alpha: Column, beta: Column) -> Column:
    """P(X ≥ k) for a beta-binomial X of n trials, 1 ≤ k ≤ n ≤ 100, alpha and beta positive.

    The terms are added from the end that is likelier, where the first of them is no smaller than 2^-n.
    """
    below = 1 - _up_to(k - 1, n, alpha, beta)
    above = _up_to(n - k, n, beta, alpha)  # n - X has the same distribution, alpha and beta exchanged
    return F.least(F.lit(1.0), F.greatest(F.lit(0.0), F.when(alpha <= beta, below).otherwise(above)))


def _up_to(last: Column, n: int, alpha: Column, beta: Column) -> Column:
    """P(X ≤ last), from P(X = 0) = Π (β + i) / (α + β + i) and the ratios of each term to the one before it."""
    trials = F.sequence(F.lit(0), F.lit(n - 1))
    none = F.aggregate(trials, F.lit(1.0), lambda product, i: product * (beta + i) / (alpha + beta + i))

    def add(sums: Column, x: Column) -> Column:
        ratio = (n - x) / (x + 1) * (alpha + x) / (beta + (n - 1) - x)
        term = sums["term"] * ratio
        return F.struct(term.alias("term"), (sums["total"] + term).alias("total"))

    first = F.struct(none.alias("term"), none.alias("total"))
    return F.aggregate(F.filter(trials, lambda x: x < last), first, add)["total"]
