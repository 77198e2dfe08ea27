"""Reposts: a MinHash signature a text, and the pairs of texts whose signatures agree."""

from __future__ import annotations

from pyspark.ml import PipelineModel
from pyspark.ml.feature import HashingTF, MinHashLSH, NGram, RegexTokenizer
from pyspark.ml.functions import vector_to_array
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts.unspaced import LETTERS
from linnaeus.features.text import text

N_HASHES = 64
_SHINGLE = 3  # words
# Where no blank parts words a character with its marks is one: whole sentences would differ by a single letter.
_WORD = rf"[{LETTERS}]\p{{M}}*|[\p{{L}}\p{{M}}\p{{N}}&&[^{LETTERS}]]+"
_BUCKETS = 1 << 24
_SEED = 20170923  # another seed makes other signatures: they can't be compared with those that are stored
SHINGLES = "shingles"
_WORDS, _RUNS, _VECTOR, _HASHES = "__words", "__runs", "__vector", "__hashes"


def signatures(texts: DataFrame) -> DataFrame:
    """`content_hash` and `signature` (array<int> of N_HASHES) of rows with `content_hash`, `title` and `body`.

    The share of places at which two signatures agree estimates the Jaccard similarity of the texts' sets of three
    neighbouring words, with a standard error of at most 1 / (2 · sqrt(N_HASHES)). Texts without a word are left out.
    Method: Broder (1997), On the resemblance and containment of documents; by Spark ML's MinHashLSH.
    """
    hashed = _hashing(texts).transform(shingled(texts.select(c.CONTENT_HASH, text().alias(c.TEXT))))
    numbers = F.transform(_HASHES, lambda one: F.element_at(vector_to_array(one), 1).cast("int"))
    return hashed.select(c.CONTENT_HASH, numbers.alias(c.SIGNATURE))


def shingled(texts: DataFrame) -> DataFrame:
    """Rows with `text` as rows with `shingles`: runs of three words (letters and digits, lower case), or the whole of a
    shorter text. Texts without a word are left out."""
    without_tags = F.regexp_replace(c.TEXT, r"</?[A-Za-z][^<>]{0,1000}>", " ")
    words = RegexTokenizer(inputCol=c.TEXT, outputCol=_WORDS, gaps=False, pattern=_WORD)
    runs = NGram(inputCol=_WORDS, outputCol=_RUNS, n=_SHINGLE)
    found = runs.transform(words.transform(texts.withColumn(c.TEXT, without_tags))).where(F.size(_WORDS) > 0)
    whole = F.array(F.concat_ws(" ", _WORDS))
    shingles = F.when(F.size(_RUNS) > 0, F.col(_RUNS)).otherwise(whole)
    return found.withColumn(SHINGLES, shingles).drop(_WORDS, _RUNS, c.TEXT)


def near_duplicates(rows: DataFrame, key: str, at_least: float = 0.8, bands: int = 16) -> DataFrame:
    """Rows (`key`, `original`, `similarity`) of those whose signature agrees with an earlier key's by `at_least`.

    `rows` has `key` and `signature`; the original is the least key among those that share a band of the signature, so
    the work grows with the rows and not with the square of a text that thousands repeat. Of two texts of Jaccard
    similarity s a band agrees with the chance s^(N_HASHES / bands). Method: Leskovec, Rajaraman and Ullman (2014),
    Mining of massive datasets, chapter 3.
    """
    width = N_HASHES // bands
    banded = rows.where(F.col(c.SIGNATURE).isNotNull()).select(
        key,
        c.SIGNATURE,
        F.posexplode(
            F.transform(
                F.sequence(F.lit(0), F.lit(bands - 1)),
                lambda band: F.xxhash64(F.slice(c.SIGNATURE, band * width + 1, width)),
            )
        ).alias("band", "bucket"),
    )
    first = F.min(F.struct(F.col(key).alias("original"), F.col(c.SIGNATURE).alias("first")))
    firsts = banded.groupBy("band", "bucket").agg(first.alias("of"), F.count("*").alias("n"))
    shared = firsts.where(F.col("n") > 1).select("band", "bucket", "of.*")
    candidates = banded.join(shared, ["band", "bucket"]).where(F.col(key) != F.col("original"))
    agreeing = F.size(F.filter(F.arrays_zip(c.SIGNATURE, "first"), lambda pair: pair[c.SIGNATURE] == pair["first"]))
    pairs = candidates.select(key, "original", (agreeing / F.lit(N_HASHES)).alias("similarity"))
    nearest = F.min_by("original", F.struct(-F.col("similarity"), "original"))
    found = pairs.where(F.col("similarity") >= at_least).groupBy(key)
    return found.agg(nearest.alias("original"), F.max("similarity").alias("similarity"))


def _hashing(texts: DataFrame) -> PipelineModel:
    """Shingles to signatures. Nothing is learnt: the hash functions are the seed's, the fit reads the width alone."""
    tf = HashingTF(inputCol=SHINGLES, outputCol=_VECTOR, numFeatures=_BUCKETS, binary=True)
    nothing = texts.sparkSession.createDataFrame([(["a"],)], f"{SHINGLES} array<string>")
    lsh = MinHashLSH(inputCol=_VECTOR, outputCol=_HASHES, numHashTables=N_HASHES, seed=_SEED)
    return PipelineModel(stages=[tf, lsh.fit(tf.transform(nothing))])
