"""Topics from tokens: latent Dirichlet allocation (Blei, Ng and Jordan, 2003), Spark's online one (Hoffman, Blei and
Bach, 2010).

It is fitted on one partition, in the order of the contents' keys: Spark adds up what several bring as they finish, and
sums of rounded numbers in another order are others. Contents of which no term is known are unplaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pyarrow as pa
from pyspark.ml.clustering import LDA, LDAModel
from pyspark.ml.feature import CountVectorizerModel
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, FloatType, IntegerType, StructField, StructType

from linnaeus.contracts import columns as c
from linnaeus.contracts.config import Discovery
from linnaeus.contracts.lexical import list_array
from linnaeus.taxonomy.discovery.discover import Found
from linnaeus.taxonomy.discovery.material import IS_FIT, KEY, Keep, drawn
from linnaeus.taxonomy.discovery.number import best_of, bounds
from linnaeus.taxonomy.discovery.placing import (
    CHANCE,
    CHANCES,
    LIKELY,
    NODE,
    NOWHERE,
    TOPIC,
    UNPLACED,
)
from linnaeus.taxonomy.discovery.repeats import repeats_by_group
from linnaeus.taxonomy.discovery.terms import GROUP, coherence, counts_by_group, document_terms, vocabulary
from linnaeus.taxonomy.discovery.topics import Topics, topic_id, tree_of
from linnaeus.taxonomy.discovery.vectors import Batches
from linnaeus.taxonomy.tree import Node

_TRIED = 4  # numbers of topics, as each is fitted
_FEATURES, _MIXTURE = "features", "mixture"
_BATCH = 4096  # texts that an iteration reads, about


@dataclass(frozen=True, eq=False)
class _Fitted:
    model: LDAModel
    terms: tuple[str, ...]


def discover_by_tokens(
    contents: DataFrame, curated: Sequence[Node], pairs: bool, settings: Discovery, keep: Keep
) -> Found:
    """Topics of contents by their tokens, beside the curated nodes: `with_fit`'s rows with their `tokens`."""
    rows = keep(contents)
    n = rows.count()
    counts = rows.where(IS_FIT)
    n_fit = counts.count()
    fitted = keep(drawn(counts, n_fit, settings.fit_contents).coalesce(1).sortWithinPartitions(KEY, c.CONTENT_ID))
    limits = bounds(settings, n_fit)
    terms = tuple(vocabulary(fitted, False, settings.least_texts, settings.most_terms))
    words = keep(_with_counts(fitted, terms))
    fits: dict[int, _Fitted] = {}

    def score(number: int) -> float:
        fits[number] = _fit(words, number, terms, settings)
        return _coherence(fits[number], fitted, n_fit, settings)

    tried = sorted({max(2, round(float(one))) for one in np.geomspace(limits.least, limits.most, _TRIED)})
    if len(tried) == 1:
        number, why = tried[0], "as configured" if settings.topics is not None else "as few contents allow"
        fits[number] = _fit(words, number, terms, settings)
    else:
        number, value = best_of(tried, score)
        why = f"{number} of {', '.join(map(str, tried))}, coherence {value:.3f}"
    placed = keep(_placed(rows, fits[number], settings))
    topics = _described(fitted, placed, number, pairs, settings)
    counted = placed.groupBy(NODE).count().collect()  # few: one a node
    sizes = {row[NODE]: row["count"] for row in counted}
    there: dict[int, str | None] = {at: None for at in range(number) if sizes.get(at)}
    said = {
        "contents": f"{n:,}",
        "topics": f"{len(there)}{'' if len(there) >= limits.least else f', fewer than {limits.least}'}",
        "number": why,
        "unplaced": f"{sizes.get(NOWHERE, 0):,} of {n:,}, without a term that is known",
    }
    ids = tuple(topic_id(at) if at in there else None for at in range(number))
    return Found(tree_of(topics, there, curated, settings), placed, ids, said)


def _with_counts(rows: DataFrame, terms: Sequence[str]) -> DataFrame:
    # Of a vocabulary of ours and not of CountVectorizer's fit, which leaves the order of equally frequent terms open.
    made = CountVectorizerModel.from_vocabulary(list(terms) or [""], c.TOKENS, _FEATURES)
    return made.transform(rows)


def _fit(words: DataFrame, topics: int, terms: tuple[str, ...], settings: Discovery) -> _Fitted:
    n = max(1, words.count())
    lda = LDA(
        k=topics,
        maxIter=settings.iterations,
        seed=settings.seed,
        optimizer="online",
        subsamplingRate=float(min(1.0, _BATCH / n)),
        featuresCol=_FEATURES,
        topicDistributionCol=_MIXTURE,
    )
    return _Fitted(lda.fit(words.select(_FEATURES)), terms)


def _coherence(fitted: _Fitted, rows: DataFrame, n: int, settings: Discovery) -> float:
    described = fitted.model.describeTopics(settings.keywords).orderBy("topic").collect()  # few: one a topic
    sample = drawn(rows, n, settings.sample_contents, F.col(KEY)).select(c.CONTENT_ID).orderBy(c.CONTENT_ID)
    chosen = [row[c.CONTENT_ID] for row in sample.collect()]  # few: the sample
    return coherence(document_terms(rows, chosen, fitted.terms, False), [row["termIndices"] for row in described])


def _placed(rows: DataFrame, fitted: _Fitted, settings: Discovery) -> DataFrame:
    """Rows with `node`, `chance`, `likely` and `chances`; node -1 where no term is known."""
    mixed = fitted.model.transform(_with_counts(rows, fitted.terms))
    kept = (c.CONTENT_ID, c.CREATOR_ID, c.CONTENT_HASH)
    given = mixed.select(*kept, vector_to_array(F.col(_MIXTURE), "float32").alias(_MIXTURE))
    made = [
        StructField(NODE, IntegerType()),
        StructField(CHANCE, FloatType()),
        StructField(LIKELY, ArrayType(IntegerType())),
        StructField(CHANCES, ArrayType(FloatType())),
    ]
    schema = StructType([*[given.schema[name] for name in kept], *made])
    found = given.mapInArrow(partial(_likeliest, len(kept), settings.likely, schema.names), schema)
    reason = F.when(F.col(NODE) < 0, UNPLACED).otherwise(TOPIC).alias(c.REASON)
    return found.select("*", F.lit(None).cast("float").alias(c.SIMILARITY), reason)


def _likeliest(n_kept: int, most: int, names: list[str], batches: Batches) -> Batches:
    for batch in batches:
        mixtures = np.asarray(batch.column(n_kept).flatten(), dtype=np.float64).reshape(batch.num_rows, -1)
        order = np.argsort(-mixtures, axis=1, kind="stable")[:, :most]
        chances = np.take_along_axis(mixtures, order, axis=1)
        is_known = mixtures.sum(axis=1) > 0
        columns = [
            pa.array(np.where(is_known, order[:, 0], NOWHERE), pa.int32()),
            pa.array(np.where(is_known, chances[:, 0], 0.0), pa.float32()),
            list_array(order, kind=pa.int32()),
            list_array(chances),
        ]
        kept = [batch.column(place) for place in range(n_kept)]
        yield pa.RecordBatch.from_arrays([*kept, *columns], names=names)


def _described(fitted: DataFrame, placed: DataFrame, topics: int, pairs: bool, settings: Discovery) -> Topics:
    terms = tuple(vocabulary(fitted, pairs, settings.least_texts, settings.most_terms))
    groups = placed.where(F.col(NODE) >= 0).select(c.CONTENT_ID, F.col(NODE).alias(GROUP))
    joined = fitted.join(groups, c.CONTENT_ID).select(c.CREATOR_ID, c.TOKENS, GROUP)
    counts = counts_by_group(joined, terms, topics, pairs)
    repeats = repeats_by_group(joined, terms, topics, pairs)
    counted = groups.groupBy(GROUP).count().collect()  # few: one a topic
    sizes = np.zeros(topics, np.int64)
    for row in counted:
        sizes[row[GROUP]] = row["count"]
    return Topics(np.zeros((topics, 0), np.int64), sizes, counts, terms, repeats)
