# Databricks notebook source
# MAGIC %md
# MAGIC # Why is this creator flagged?
# MAGIC
# MAGIC A creator writes in and asks why their reach was cut. This notebook goes down the whole way, from the profile to the
# MAGIC contents behind it, from a content to the model's reasons, and from those to the words. Nothing here changes
# MAGIC anything.

# COMMAND ----------

# Parameters: which conf/<ENVIRONMENT>.yml, what differs from it, and who is asked about (None: the likeliest to be flagged)
ENVIRONMENT = "local"
SETTINGS = []
CREATOR = None

# COMMAND ----------

from linnaeus import Suite

suite = Suite(ENVIRONMENT, *SETTINGS)
flagged = suite.flagged()
suite.show(flagged)

# COMMAND ----------

# MAGIC %md
# MAGIC These are flagged now. *chance* is what counts: the probability that at least two of the creator's next ten posts
# MAGIC are in the area. It is not a share of bad posts: two of two is little to go by, so those with few contents are drawn
# MAGIC towards what is usual among the others.
# MAGIC
# MAGIC ## The profile

# COMMAND ----------

if CREATOR is None:
    riskiest = flagged.first()
    # Where nobody is flagged the one nearest to it is looked at.
    CREATOR = riskiest["creator_id"] if riskiest else suite.content_profiles.orderBy("creator_id").first()["creator_id"]

creator = suite.creator(CREATOR)
creator

# COMMAND ----------

# MAGIC %md
# MAGIC The history at the end says when the profile became so and why: because contents were added or changed, because
# MAGIC another model scored them, or because a threshold was moved. Only the first is the creator's own doing.
# MAGIC
# MAGIC ## Are they an exception?
# MAGIC
# MAGIC All contents of the lake by their risk. The lines are where *medium* and *high* begin, if the area says so itself.

# COMMAND ----------

suite.plots.risks()

# COMMAND ----------

# MAGIC %md
# MAGIC ## From the profile to a content
# MAGIC
# MAGIC The riskiest content of the list above, explained. The model that scored it, the text and the tables are read as they
# MAGIC were then, and the prediction is made again: *equal to the row* means that what follows is the reason, and not a
# MAGIC likely story.

# COMMAND ----------

content_id = creator.riskiest["content_id"].iloc[0]
explanation = suite.explain(content_id)
explanation

# COMMAND ----------

# MAGIC %md
# MAGIC ## From the content to the words
# MAGIC
# MAGIC Blue speaks for the answer, red against it. *embedding* is the meaning as a whole, *term scores* and the single words
# MAGIC what stands there to the letter. In the text above, the words are shaded by what they add; the table has them as
# MAGIC numbers (log-odds: 0.7 more doubles the odds). The gravest finding comes first; `explanation.heads` names the others.

# COMMAND ----------

explanation.picture()

# COMMAND ----------

explanation.words().head(12)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Was it different before?
# MAGIC
# MAGIC Tables keep their past. `suite.at("2026-11-01T08:00:00Z")` is the whole suite as of that time, and
# MAGIC `suite.at("…").explain(content_id)` explains the row that was in force then. Here: when, and by what, profiles were
# MAGIC written last.

# COMMAND ----------

suite.runs("score_content", most=3)

# COMMAND ----------

# MAGIC %md
# MAGIC ## What to answer
# MAGIC
# MAGIC If the words are to the point, the answer to the creator can name them. If they are not (a quotation, a report *on*
# MAGIC spam, another sense of a word), the label is what has to be mended: a gold label `no` for this content in
# MAGIC `sources.gold_labels` counts at the next `aggregate_labels`, and the next training learns from it.
