"""What a content is of its creator's making: writing, a podcast, a video, music or art."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Modalities, Taxonomy, path_of
from linnaeus.contracts.errors import ConfigurationError

NAME, MODALITY = "name", "modality"  # a column of the rows of `pool`, and the facet of those that modality_sums reads
_MODALITIES, _MAIN = "modalities", "main_modality"


def by_kind_and_node(modalities: Modalities, taxonomy: Taxonomy) -> dict[tuple[str, str], str]:
    """The modality of each kind and node that have one of their own: a node's, else that of the nearest above it.

    Raises ConfigurationError for a node that the taxonomy does not have.
    """
    parents = taxonomy.parents
    for kind, named in modalities.nodes.items():
        if unknown := sorted(set(named) - set(parents)):
            raise ConfigurationError(
                f"creators.modality.nodes.{kind}: {unknown[0]!r} is no node of the taxonomy; take it out or add it"
            )
    found = {}
    for kind, named in modalities.nodes.items():
        for node in parents:
            nearest = [one for one in path_of(node, parents) if one in named]
            if nearest:
                found[kind, node] = str(named[nearest[-1]])
    return found


def modality_entries(distribution: Column, kinds: Mapping[str, str], own: Mapping[tuple[str, str], str]) -> Column:
    """Array of (name, chance), the chances of a content's modalities: of its kind's as far as no node has its own.

    `distribution` is an array of (name, chance) over nodes, never null; the column `kind` is read.
    """
    of_kind = _lookup(kinds, F.col(c.KIND))
    if not own:
        return F.array(F.struct(of_kind.alias("name"), F.lit(1.0).alias("chance")))
    named = {f"{kind}/{node}": modality for (kind, node), modality in own.items()}
    moved = F.transform(
        distribution,
        lambda entry: F.struct(
            _lookup(named, F.concat_ws("/", F.col(c.KIND), entry["name"])).alias("name"),
            entry["chance"].alias("chance"),
        ),
    )
    moved = F.filter(moved, lambda entry: entry["name"].isNotNull())
    rest = F.lit(1.0) - F.aggregate(moved, F.lit(0.0), lambda sum_, entry: sum_ + entry["chance"])
    return F.concat(moved, F.array(F.struct(of_kind.alias("name"), F.greatest(F.lit(0.0), rest).alias("chance"))))


def modality_sums() -> list[Column]:
    """What `modality_columns` needs of a creator's rows of `pool`, aggregated."""
    is_modality = (F.col(c.FACET) == MODALITY) & (F.col("mass") > 0)
    return [
        F.array_sort(F.collect_list(F.when(is_modality, F.struct(NAME, "mass")))).alias(_MODALITIES),
        F.max(F.when(is_modality, F.struct("mass", NAME))).alias(_MAIN),
    ]


def modality_columns() -> dict[str, Column]:
    """The modality with the largest Σ w·p, and the shares of all, from `modality_sums`."""
    total = F.aggregate(_MODALITIES, F.lit(0.0), lambda sum_, entry: sum_ + entry["mass"])
    shares = F.transform(_MODALITIES, lambda entry: F.struct(entry[NAME], (entry["mass"] / total).cast("float")))
    return {
        c.MODALITY: F.col(_MAIN)[NAME],
        c.MODALITY_SHARES: F.when(F.size(_MODALITIES) > 0, F.map_from_entries(shares)),
    }


def _lookup(names: Mapping[str, str], key: Column) -> Column:
    """The value of a key, null where there is none."""
    if not names:
        return F.lit(None).cast("string")
    return F.create_map(*[F.lit(part) for pair in names.items() for part in pair])[key]
