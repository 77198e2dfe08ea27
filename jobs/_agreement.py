"""The report of aggregate_labels: how far annotators agree, facet by facet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import Config
from linnaeus.labels.agreement import OTHER, alpha, coincidences, nominal_distance, ordinal_distance, tree_distance
from linnaeus.labels.plots import annotators_plot, confusion_plot, entropy_plot
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.report import Grid, Plot, Section, write_report

_PLOTTED = 200  # annotators of a facet
_LISTED = 15
_MOST_LABELS = 12  # of a confusion matrix that can be read

_READING = (
    "Alpha (Krippendorff) is 1 where all annotators agree and 0 where they agree as by chance; 0.8 counts as reliable, "
    "0.667 as the least to draw conclusions from. Nominal alpha takes every two labels for equally far apart; by "
    "distance, nodes of the tree by the path between them and grades by the votes between them. Kappa (Cohen) is the "
    "same of pairs of annotators, on items that both judged.",
    "An annotator's accuracy is the share of votes that agree with the labels they helped to make, with Wilson's 95% "
    "interval. The spammer score (Raykar and Yu) is 0 for answers that do not depend on the label.",
)


def report_of(lake: Lake, config: Config, votes: DataFrame, said: Mapping[str, str]) -> Path | None:
    """Write labels.html; None where reports go nowhere."""
    if config.reports_folder is None:
        return None
    pairs = _by_facet(coincidences(votes).collect())  # few: pairs of labels by facet
    totals = votes.groupBy(c.FACET).agg(
        F.count(F.lit(1)).alias("votes"),
        F.countDistinct(c.ITEM_ID).alias("items"),
        F.countDistinct(c.ANNOTATOR_ID).alias("annotators"),
    )
    sizes = {row[c.FACET]: row for row in totals.collect()}  # few: facets
    measured = lake.read(tables.ANNOTATORS)
    parents = config.read_taxonomy().parents
    alphas = {facet: _alphas(facet, pairs.get(facet, []), parents) for facet in sizes}
    kappa = F.sum(F.col(c.KAPPA) * F.col(c.N_SHARED)) / F.sum(F.when(F.col(c.KAPPA).isNotNull(), F.col(c.N_SHARED)))
    means = measured.groupBy(c.FACET).agg(kappa.alias("mean"))
    kappas = {row[c.FACET]: row["mean"] for row in means.collect()}  # few: facets
    rows = [
        (facet, size["items"], size["votes"], size["annotators"], *alphas[facet], kappas.get(facet), said[facet])
        for facet, size in sorted(sizes.items())
    ]
    header = ("facet", "items", "votes", "annotators", "alpha, nominal", "alpha, by distance", "kappa", "labels by")
    overview = Section("Agreement", _READING, (Grid(header, rows),))
    sections = [overview, *(_section(lake, measured, facet) for facet in sorted(sizes))]
    return write_report(config.reports_folder, "labels", "Labels and annotators", sections)


def _by_facet(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row[c.FACET], []).append(row)
    return found


def _alphas(facet: str, pairs: Sequence[Row], parents: Mapping[str, str | None]) -> tuple[float | None, float | None]:
    """Nominal, and by the distance that the facet's labels have; None where they have none but same or other."""
    labels, together = _matrix([(row[c.LABEL], row[OTHER], row[c.N]) for row in pairs])
    nominal = alpha(together, nominal_distance(labels))
    if facet == c.CATEGORY_FACET:
        return nominal, alpha(together, tree_distance(labels, parents))
    if facet.startswith(c.SEVERITY_FACET_PREFIX):
        return nominal, alpha(together, ordinal_distance(together))
    return nominal, None


def _matrix(cells: Sequence[tuple[str, str, float]]) -> tuple[list[str], npt.NDArray[np.float64]]:
    """Labels in order, and a square of what stands for each pair."""
    labels = sorted({name for one, two, _ in cells for name in (one, two)})
    place = {name: i for i, name in enumerate(labels)}
    square = np.zeros((len(labels), len(labels)))
    for one, two, value in cells:
        square[place[one], place[two]] += value
    return labels, square


def _section(lake: Lake, measured: DataFrame, facet: str) -> Section:
    own = measured.where(F.col(c.FACET) == facet)
    busiest = own.orderBy(F.col(c.N_VOTES).desc(), c.ANNOTATOR_ID).limit(_PLOTTED).collect()  # few: those plotted
    bins = (
        lake.read(tables.LABELS)
        .where((F.col(c.FACET) == facet) & (F.col(c.N_VOTES) > 1))
        .groupBy((F.floor(F.col(c.ENTROPY) * 10 + 1e-9) / 10).alias("low"))
        .count()
        .collect()  # few: bins
    )
    items = sum(row["count"] for row in bins)
    plots = [_annotators(busiest)]
    if items:
        shares = {row["low"]: row["count"] / items for row in sorted(bins, key=lambda row: row["low"])}
        agreed = shares.get(0.0, 0.0)
        said = f"Entropy of the votes of {items:,} items with two votes or more: {agreed:.0%} are of one mind."
        plots.append(Plot(entropy_plot(shares), said))
    cells = own.select(F.explode(c.CONFUSION).alias("one")).groupBy("one.truth", f"one.{c.LABEL}").agg(F.sum("one.n"))
    plots.append(_confusion([tuple(row) for row in cells.collect()]))  # few: pairs of labels
    header = ("annotator", "votes", "accuracy", "from", "to", "kappa", "spammer score", "seconds a vote")
    doubtful = sorted(busiest, key=lambda row: (row[c.ACCURACY_UPPER], row[c.ANNOTATOR_ID]))[:_LISTED]
    names = (
        c.ANNOTATOR_ID, c.N_VOTES, c.ACCURACY, c.ACCURACY_LOWER, c.ACCURACY_UPPER, c.KAPPA, c.SPAMMER_SCORE,
        c.SECONDS_A_VOTE,
    )  # fmt: skip
    text = f"The {len(doubtful)} of the {len(busiest)} busiest annotators who agree least with the labels:"
    return Section(facet, (text,), (Grid(header, [[row[name] for name in names] for row in doubtful]),), tuple(plots))


def _annotators(rows: Sequence[Row]) -> Plot:
    names = (c.N_VOTES, c.ACCURACY, c.ACCURACY_LOWER, c.ACCURACY_UPPER, c.SPAMMER_SCORE)
    figure = annotators_plot(*([row[name] for row in rows] for name in names))
    return Plot(figure, f"Annotators ({len(rows)} with the most votes), with 95% intervals of their accuracy.")


def _confusion(cells: Sequence[tuple[str, str, int]]) -> Plot:
    labels, counts = _matrix(cells)
    kept = sorted(sorted(range(len(labels)), key=lambda i: -counts[i].sum())[:_MOST_LABELS])
    figure = confusion_plot([labels[i] for i in kept], counts[np.ix_(kept, kept)])
    left_out = f", the {_MOST_LABELS} most frequent of {len(labels)}" if len(labels) > len(kept) else ""
    return Plot(figure, f"What is taken for what: share of the answers by label{left_out}.")
