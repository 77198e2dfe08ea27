"""Rules that may raise a level of risk: words and link domains that call for a look whatever the model says.

A rule never lowers a level, and never works in silence: the ids of those that fired are kept beside the level.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence

import pandas as pd
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType

from linnaeus.contracts import columns as c
from linnaeus.contracts import schemas
from linnaeus.contracts.config import RiskAreas
from linnaeus.inference.rule_search import RuleSearch
from linnaeus.inference.score import HIGH, LOW, MEDIUM

# Of a text as it was written: what its reader sees, and the addresses of its links.
Read = Callable[[str], tuple[str, Sequence[str]]]

_RANK = {LOW: 0, MEDIUM: 1, HIGH: 2}
_FIRED = "__fired"


def with_rules(scored: DataFrame, text: Column, areas: RiskAreas, read: Read) -> DataFrame:
    """Rows with their `risk_level` raised and `risk_reasons` (area to the ids of its rules that fired; null for none).

    `scored` has `risk_level` (map from area to level; null where no model scored it, and then it stays null), and what
    `text` is made of. A rule fires where a word of its own, or a link to one of its domains or below it, is in what
    `read` makes of the text (RuleSearch).
    """
    if not any(area.rules for area in areas.areas):
        return scored.withColumn(c.RISK_REASONS, F.lit(None).cast(schemas.REASONS))
    with_fired = scored.withColumn(_FIRED, _fired(text, areas, read))
    is_any = F.size(_FIRED) > 0
    raised = F.transform_values(c.RISK_LEVEL, lambda area, level: _greater(level, _level_of(area, areas)))
    return (
        with_fired.withColumn(c.RISK_LEVEL, F.when(is_any, raised).otherwise(F.col(c.RISK_LEVEL)))
        .withColumn(c.RISK_REASONS, F.when(is_any, _reasons(areas)))
        .drop(_FIRED)
    )


def _fired(text: Column, areas: RiskAreas, read: Read) -> Column:
    """An array of `area/rule`, each once."""

    @F.pandas_udf(ArrayType(StringType()))  # type: ignore[attr-defined,call-overload,untyped-decorator]
    def run(batches: Iterator[pd.Series]) -> Iterator[pd.Series]:
        search = _search(areas)
        for texts in batches:
            found = (search.found(*read(one)) if one else () for one in texts)
            fired = [list(dict.fromkeys(f"{one.area}/{one.rule}" for one in some)) for some in found]
            yield pd.Series(fired, dtype=object)

    return run(text)  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=4)
def _search(areas: RiskAreas) -> RuleSearch:
    """Made once a Python worker."""
    return RuleSearch.of(areas)


def _level_of(area: Column, areas: RiskAreas) -> Column:
    """The greatest rank that the fired rules of an area give; -1 without any."""
    ranks = [
        F.when((area == one.id) & F.array_contains(_FIRED, f"{one.id}/{rule.id}"), F.lit(_RANK[rule.level]))
        for one in areas.areas
        for rule in one.rules
    ]
    return F.greatest(F.lit(-1), F.lit(-1), *ranks)  # it asks for two at least, and leaves nulls out


def _greater(level: Column, rank: Column) -> Column:
    names = F.array(*[F.lit(name) for name in _RANK])
    own = F.call_function("array_position", names, level).cast("int") - 1
    return F.element_at(names, F.greatest(own, rank) + 1)


def _reasons(areas: RiskAreas) -> Column:
    """By area, the ids of its rules that fired."""
    pairs = []
    for area in areas.areas:
        fired = [F.when(F.array_contains(_FIRED, f"{area.id}/{rule.id}"), F.lit(rule.id)) for rule in area.rules]
        pairs += [F.lit(area.id), F.array_compact(F.array(*fired))] if fired else []
    return F.map_filter(F.create_map(*pairs), lambda area, fired: F.size(fired) > 0)
