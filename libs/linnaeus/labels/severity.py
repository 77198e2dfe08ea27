"""Votes by grade: one vote on a scale from 1 to 5 says how severe a risk is, and whether it is one at all."""

from __future__ import annotations

from collections.abc import Mapping

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c


def with_severity(rows: DataFrame, severe_from: Mapping[str, int]) -> DataFrame:
    """Votes or gold labels (`facet`, `label` and more) in which a grade stands twice.

    Once as yes or no of `risk.<area>`, yes from the grade `severe_from[area]` on; and once as the grade itself, of the
    facet `severity.<area>`. All else stays as it is, grades of areas that are not in `severe_from` too.
    """
    area = F.substring(F.col(c.FACET), len(c.RISK_FACET_PREFIX) + 1, 1 << 20)
    least = F.when(F.col(c.FACET).startswith(c.RISK_FACET_PREFIX), _least_grade(area, severe_from))
    is_graded = F.coalesce(least.isNotNull() & F.col(c.LABEL).isin(*c.GRADES), F.lit(False))
    answer = F.when(F.col(c.LABEL).cast("int") >= least, c.YES).otherwise(c.NO)
    graded = rows.where(is_graded)
    return (
        rows.where(~is_graded)
        .unionByName(graded.withColumn(c.LABEL, answer))
        .unionByName(graded.withColumn(c.FACET, F.concat(F.lit(c.SEVERITY_FACET_PREFIX), area)))
    )


def _least_grade(area: Column, severe_from: Mapping[str, int]) -> Column:
    grade = F.lit(None).cast("int")
    for name, least in severe_from.items():
        grade = F.when(area == name, F.lit(least)).otherwise(grade)
    return grade
