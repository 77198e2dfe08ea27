# Databricks notebook source
# MAGIC %md
# MAGIC # Would another embedder be better?
# MAGIC
# MAGIC An embedder turns a text into a vector; all that the models know of meaning comes from it. Swapping it means to embed
# MAGIC everything again, so it is tried first: on a **sandbox**, a small copy of the lake that is gone when you are done. Its
# MAGIC vectors are stored *beside* those of the embedder in force, and the two are compared on the same contents.

# COMMAND ----------

# Parameters: which conf/<ENVIRONMENT>.yml, what differs from it, how many contents, and the other embedder's settings
ENVIRONMENT = "local"
SETTINGS = []
CONTENTS = 1000
K = 10  # neighbours that are looked at
OTHER = {"max_tokens": 24, "overlap": 0}

# COMMAND ----------

# MAGIC %md
# MAGIC `OTHER` is whatever differs from the section `embedder` in `conf/base.yml`. As it stands it needs no download: the same
# MAGIC model, but reading texts in windows of 24 tokens instead of 128, so that it sees words with less around them. To try
# MAGIC a model of your own give its folder (with `model.onnx` and `assets/vocab.txt`):
# MAGIC
# MAGIC     OTHER = {"name": "my-bge", "path": "/models/bge", "annotator": "BGEEmbeddings", "dimension": 768}

# COMMAND ----------

from linnaeus import Suite

suite = Suite(ENVIRONMENT, *SETTINGS)
sandbox = suite.sandbox(CONTENTS)
before = sandbox.embeddings.first()["embedder"]
sandbox.embedders()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Embed the contents once more
# MAGIC
# MAGIC Each distinct text is embedded once; the time it takes here tells what the whole lake would take.

# COMMAND ----------

sandbox.run("build_embeddings", embedder=OTHER)

# COMMAND ----------

after = sandbox.embeddings.first()["embedder"]
sandbox.embedders()

# COMMAND ----------

# MAGIC %md
# MAGIC A stamp names the embedder, its files and all settings that change a vector, so that vectors of two kinds are never
# MAGIC mixed up.
# MAGIC
# MAGIC ## Do neighbours have the same label?
# MAGIC
# MAGIC The question that needs no training: of the contents that are nearest to one, how many are of its category? The
# MAGIC better embedder puts more of them near. Left: the share, with a 95% interval. Right: how many of the neighbours both
# MAGIC find, from none (they see the texts differently) to all (it makes no difference which one you take).

# COMMAND ----------

comparison = sandbox.compare_embedders(before, after, k=K, contents=CONTENTS)
comparison

# COMMAND ----------

comparison.picture()

# COMMAND ----------

# MAGIC %md
# MAGIC Figures hide what they are made of. This is the content on whose neighbours the two differ most, and what each puts
# MAGIC next to it:

# COMMAND ----------

odd = comparison.rows.sort_values("shared").iloc[0]
comparison.neighbours(odd["content_id"])

# COMMAND ----------

# MAGIC %md
# MAGIC ## What the categories look like by each
# MAGIC
# MAGIC First by the embedder in force, then by the other one.

# COMMAND ----------

sandbox.plots.embeddings(embedder=before)

# COMMAND ----------

sandbox.plots.embeddings(embedder=after)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Does a model on it do better?
# MAGIC
# MAGIC The last word is a model's: one trained on each, on the same labels, judged on the same held-out creators. The gate
# MAGIC itself refuses to compare models of two embedders, since only one of them can be in force; figures can stand side by
# MAGIC side. With intervals as wide as those of a small sandbox a difference has to be large to mean anything: raise
# MAGIC `CONTENTS` before you decide.

# COMMAND ----------

sandbox.run("train_category")
sandbox.run("train_category", embedder=OTHER)
models = sandbox.compare(1, 2, model="category", paired=False)
models

# COMMAND ----------

models.picture()

# COMMAND ----------

# MAGIC %md
# MAGIC ## If it is better
# MAGIC
# MAGIC Put the settings of `OTHER` into `conf/<env>.yml`. The next nightly run embeds everything; readers go on seeing the
# MAGIC old vectors until all contents have new ones, and the champion keeps scoring with the old embedder until a model of
# MAGIC the new one is promoted.

# COMMAND ----------

sandbox.close()
