# Databricks notebook source
# MAGIC %md
# MAGIC # What is in the lake?
# MAGIC
# MAGIC A first look at what creators publish: how much there is, how long it is, what language it is in, how much of it
# MAGIC is labelled, and whether the embeddings tell the categories apart. Every cell reads the suite's own tables; run
# MAGIC `make sample` once and then this notebook from top to bottom.

# COMMAND ----------

import matplotlib.pyplot as plt
import numpy as np
from pyspark.ml.feature import PCA
from pyspark.ml.functions import array_to_vector, vector_to_array
from pyspark.sql import functions as F

from linnaeus.contracts import columns as c
from linnaeus.contracts import tables
from linnaeus.contracts.config import load_config
from linnaeus.runtime.lake import Lake
from linnaeus.runtime.spark import build_session

# COMMAND ----------

# MAGIC %md
# MAGIC `ENVIRONMENT` names a file in `conf/`; `SETTINGS` overlays it (the same as `--set` on the command line).

# COMMAND ----------

ENVIRONMENT = globals().get("ENVIRONMENT", "local")
SETTINGS = globals().get("SETTINGS", [])

config = load_config(ENVIRONMENT, SETTINGS)
spark = build_session(config, "explore_content")
lake = Lake(spark, config)
content = lake.read(tables.CONTENT)
labels = lake.read(tables.LABELS)

# COMMAND ----------

# MAGIC %md
# MAGIC ## How much is there?
# MAGIC
# MAGIC Contents, creators and the records that were set aside, with why.

# COMMAND ----------

sizes = content.agg(
    F.count(F.lit(1)).alias("contents"),
    F.countDistinct(c.CREATOR_ID).alias("creators"),
    F.countDistinct(c.CONTENT_HASH).alias("distinct texts"),
    F.min(c.PUBLISHED_AT).alias("first published"),
    F.max(c.PUBLISHED_AT).alias("last published"),
)
sizes.show(truncate=False)
reasons = lake.read(tables.QUARANTINE).select(c.SOURCE, F.explode(c.ERRORS).alias("error"), c.OCCURRENCES)
records = F.sum(c.OCCURRENCES).alias("records")
reasons.groupBy(c.SOURCE, "error").agg(records).orderBy(F.desc("records")).show(truncate=False)

# COMMAND ----------

# MAGIC %md
# MAGIC ## How long are the texts, and in what language?
# MAGIC
# MAGIC The embedder reads a text whole, in windows: long texts are what its time goes to.

# COMMAND ----------

tokens = lake.read(tables.TOKENS)
lengths = (
    tokens.groupBy(F.least(F.floor(F.log2(F.col(c.N_TOKENS) + 1)), F.lit(14)).alias("level"))
    .count()
    .orderBy("level")
    .toPandas()  # few: at most fifteen levels
)
languages = tokens.groupBy(c.LANGUAGE).count().orderBy(F.desc("count")).limit(8).toPandas()  # few: eight rows

figure, (left, right) = plt.subplots(1, 2, figsize=(11, 3.6), constrained_layout=True)
left.bar([f"{2**int(level) - 1:,}" for level in lengths["level"]], lengths["count"], color="#3b6ea5")
left.set(title="Tokens a text (stop words left out)", xlabel="from this many tokens", ylabel="texts")
left.tick_params(axis="x", rotation=45)
right.barh(languages[c.LANGUAGE][::-1], languages["count"][::-1], color="#3b6ea5")
right.set(title="Language", xlabel="texts (log scale)", xscale="log")
for axes in (left, right):
    axes.spines[["top", "right"]].set_visible(False)
plt.show()

# COMMAND ----------

# MAGIC %md
# MAGIC ## How much is labelled?
# MAGIC
# MAGIC Share of the contents with a label, by facet, and how the labels are spread.

# COMMAND ----------

n_content = content.count()
coverage = labels.groupBy(c.FACET).agg(F.count(F.lit(1)).alias("labelled"), F.avg(c.PROBABILITY).alias("mean certainty"))
coverage = coverage.withColumn("share of contents", F.round(F.col("labelled") / F.lit(n_content), 3))
coverage.orderBy(c.FACET).show(truncate=False)
spread = labels.groupBy(c.FACET, c.LABEL).count().orderBy(c.FACET, F.desc("count")).toPandas()  # few: one row a label

figure, axes = plt.subplots(figsize=(11, 0.35 * len(spread) + 1.2), constrained_layout=True)
names = spread[c.FACET] + "  ·  " + spread[c.LABEL]
axes.barh(names[::-1], spread["count"][::-1], color="#c0713d")
axes.set(title="Labels", xlabel="contents")
axes.spines[["top", "right"]].set_visible(False)
plt.show()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Do the embeddings tell the categories apart?
# MAGIC
# MAGIC The vectors' two main directions (PCA), a sample of 2,000 labelled contents: neighbours in the picture say alike
# MAGIC things. Categories that lie on top of each other here are told apart, if at all, by further directions.

# COMMAND ----------

SHOWN = 2000
labelled = labels.where(F.col(c.FACET) == c.CATEGORY_FACET).select(F.col(c.ITEM_ID).alias(c.CONTENT_ID), c.LABEL)
vectors = lake.read(tables.EMBEDDINGS).join(labelled, c.CONTENT_ID)
vectors = vectors.select(c.LABEL, F.xxhash64(c.CONTENT_ID).alias("order"), array_to_vector(c.EMBEDDING).alias("vector"))
plane = PCA(k=2, inputCol="vector", outputCol="point").fit(vectors)
shown = plane.transform(vectors.orderBy("order").limit(SHOWN)).select(c.LABEL, vector_to_array("point").alias("point"))
points = shown.toPandas()  # few: SHOWN rows

figure, axes = plt.subplots(figsize=(8, 5.6), constrained_layout=True)
for label, group in points.groupby(c.LABEL):
    xy = np.vstack(group["point"])
    axes.scatter(xy[:, 0], xy[:, 1], s=9, alpha=0.6, label=label)
axes.set(title=f"Embeddings by category ({len(points):,} contents)", xticks=[], yticks=[])
axes.legend(frameon=False, markerscale=2, loc="center left", bbox_to_anchor=(1, 0.5))
axes.spines[["top", "right", "left", "bottom"]].set_visible(False)
plt.show()
