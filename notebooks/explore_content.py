# Databricks notebook source
# MAGIC %md
# MAGIC # What do creators publish?
# MAGIC
# MAGIC A first look at a lake: how much there is, how long it is and in what language, how much of it is copied, how much
# MAGIC is labelled, whether the embeddings tell the categories apart, and who the creators are. Nothing here changes
# MAGIC anything.
# MAGIC
# MAGIC Run `make sample` once and then this notebook from top to bottom; or name your own environment below. Every picture
# MAGIC is a method of `suite.plots`: its numbers are in `.data`, and `.save("picture.png")` writes it.

# COMMAND ----------

# Parameters: which conf/<ENVIRONMENT>.yml, and what differs from it (as --set on the command line)
ENVIRONMENT = "local"
SETTINGS = []

# COMMAND ----------

from linnaeus import Suite

suite = Suite(ENVIRONMENT, *SETTINGS)
suite

# COMMAND ----------

# MAGIC %md
# MAGIC That is all there is: a row a table, and which job makes those that are not there yet. A table is a DataFrame:
# MAGIC `suite.tables.gold.` and the tab key list those of a layer, `help(suite.tables.gold)` tells what they are for, and
# MAGIC `suite.tables.gold.content_profiles?` what each column means.
# MAGIC
# MAGIC ## How much is there?

# COMMAND ----------

content = suite.tables.bronze.content
suite.show(content, rows=5)

# COMMAND ----------

suite.plots.months()

# COMMAND ----------

# MAGIC %md
# MAGIC Records that could not be used were not lost: they are in quarantine, each with the codes of what is wrong with it.

# COMMAND ----------

from pyspark.sql import functions as F

def set_aside():
    reasons = suite.quarantine.select("source", F.explode("errors").alias("error"), "occurrences")
    return suite.show(reasons.groupBy("source", "error").agg(F.sum("occurrences").alias("records")))


set_aside() if "bronze.quarantine" in suite.tables else "Nothing was set aside."

# COMMAND ----------

# MAGIC %md
# MAGIC ## How long are the texts, and in what language?
# MAGIC
# MAGIC The embedder reads a text whole, in windows: long texts are what its time goes to. Short ones are hard: their
# MAGIC language often can't be told, and a category has few words to stand on.

# COMMAND ----------

suite.plots.lengths()

# COMMAND ----------

suite.plots.languages()

# COMMAND ----------

# MAGIC %md
# MAGIC ## How much of it is copied?
# MAGIC
# MAGIC Exact copies have the same text; near copies share at least 80% of their runs of three words. Copies are embedded
# MAGIC once, and a model is never trained on a copy of what it is judged by. Many copies by one creator are a sign of spam.

# COMMAND ----------

suite.plots.duplicates(at_least=0.8)

# COMMAND ----------

# MAGIC %md
# MAGIC ## How much is labelled?
# MAGIC
# MAGIC Gold labels count as true; labels from the crowd are worked out of votes. What has few labels can't be learnt well:
# MAGIC `gold.review_queue` lists what people should label next.

# COMMAND ----------

suite.plots.label_coverage()

# COMMAND ----------

suite.plots.labels()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Do the embeddings tell the categories apart?
# MAGIC
# MAGIC A vector has hundreds of numbers; here are the two directions in which the contents differ most. Neighbours in the
# MAGIC picture say alike things. Categories that lie on top of each other are told apart, if at all, by further directions.

# COMMAND ----------

suite.plots.embeddings()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Who makes it?
# MAGIC
# MAGIC Of a creator with two contents little can be said, however alike these are.

# COMMAND ----------

suite.plots.creators_by_size()

# COMMAND ----------

# MAGIC %md
# MAGIC Once contents are scored, creators have profiles: the share of each category, with an interval. A category is
# MAGIC *accepted* where it is sure that the share is large enough; else the profile says why not. The further to the right,
# MAGIC the more a creator makes of one thing.

# COMMAND ----------

has_profiles = "gold.creator_profiles" in suite.tables
suite.plots.creators_by_share() if has_profiles else "Not yet: suite.run('score_content'), suite.run('roll_up_creators')"

# COMMAND ----------

# MAGIC %md
# MAGIC ## And what risk does it carry?
# MAGIC
# MAGIC Each content has a calibrated probability for each risk area. A healthy picture has two heaps, at the far left and
# MAGIC the far right; what lies between is what people should look at.

# COMMAND ----------

is_scored = "gold.content_profiles" in suite.tables
suite.plots.risks() if is_scored else "Not scored yet: suite.run('score_content')"

# COMMAND ----------

# MAGIC %md
# MAGIC ## Next
# MAGIC
# MAGIC `taxonomy_from_scratch` finds topics without any label, `votes_to_promotion` trains and promotes a model,
# MAGIC `why_flagged` goes from a creator down to the words, `another_embedder` tries other vectors.
