# Databricks notebook source
# MAGIC %md
# MAGIC # From votes to a promotion
# MAGIC
# MAGIC People answer "what is this about?" for some contents. Their answers disagree. This notebook follows them all the
# MAGIC way: votes become labels, labels train a model, the model asks to be promoted, and a gate lets it through or says
# MAGIC why not. Then more votes come in, and a second model has to beat the first.
# MAGIC
# MAGIC It works on a **sandbox**: a small copy of the lake with models of its own, which is gone when you are done. Nothing
# MAGIC that others read is touched, so try what you like.

# COMMAND ----------

# Parameters: which conf/<ENVIRONMENT>.yml, and what differs from it (as --set on the command line)
ENVIRONMENT = "local"
SETTINGS = []
CONTENTS = 3000  # of the sandbox
FIRST_SHARE = 0.25  # of the votes that have come in when the first model is trained
METHOD = "dawid_skene"  # by which votes become labels

# COMMAND ----------

from linnaeus import Suite

suite = Suite(ENVIRONMENT, *SETTINGS)
sandbox = suite.sandbox(CONTENTS)
print(sandbox.title)

# COMMAND ----------

# MAGIC %md
# MAGIC ## The first votes
# MAGIC
# MAGIC A lake that has votes lends them to the sandbox. The sample has none, so there they are constructed from its gold
# MAGIC labels: each content gets the answers of three of five annotators, of whom *ann* is right 95 times in 100, *dan* 70
# MAGIC times, and *guess* does not look at all. A tenth of the gold labels stay, to judge them by.

# COMMAND ----------

print(sandbox.take_votes(FIRST_SHARE))
sandbox.show("bronze.votes", rows=6)

# COMMAND ----------

# MAGIC %md
# MAGIC ## Votes become labels
# MAGIC
# MAGIC A majority would count *guess* as much as *ann*. Dawid and Skene's method learns from the votes themselves who can
# MAGIC be trusted with what, and weighs each vote by that; `labels.method=auto` would try several methods and say which it
# MAGIC took and why.

# COMMAND ----------

sandbox.run("aggregate_labels", labels__method=METHOD)

# COMMAND ----------

# MAGIC %md
# MAGIC Each dot is an annotator. High up: agrees with the labels; red: answers that hardly depend on the content, as a
# MAGIC spammer's do. The thin lines are 95% intervals, which shrink with votes.

# COMMAND ----------

sandbox.plots.annotators("category")

# COMMAND ----------

sandbox.show(sandbox.labels.where("facet = 'category'").select("item_id", "label", "probability", "n_votes", "source"))

# COMMAND ----------

# MAGIC %md
# MAGIC ## Labels train a model
# MAGIC
# MAGIC Some creators are *held out*: none of their contents is trained on, so that the figures tell how well the model does
# MAGIC on creators it has never seen, which is what it will meet.

# COMMAND ----------

sandbox.run("train_category")

# COMMAND ----------

sandbox.models()

# COMMAND ----------

# MAGIC %md
# MAGIC ## The model asks to be promoted
# MAGIC
# MAGIC The *champion* is the version that scores contents. There is none yet, so any model with a figure is let through.
# MAGIC (With `promotion.approval=by_hand` a person has the last word: `suite.run("approve_model", …)`.)

# COMMAND ----------

sandbox.run("promote_model")

# COMMAND ----------

# MAGIC %md
# MAGIC ## More votes, and a second model
# MAGIC
# MAGIC Now the rest of the votes has come in. The same three steps: labels, training, and the question whether the new
# MAGIC version is better.

# COMMAND ----------

print(sandbox.take_votes(1.0))
sandbox.run("aggregate_labels", labels__method=METHOD)
sandbox.run("train_category")

# COMMAND ----------

# MAGIC %md
# MAGIC **Is it better?** Two numbers beside each other don't tell: both come from the same few hundred contents, and chance
# MAGIC moves them together. The gate judges both versions on the same held-out contents again and again, each time with
# MAGIC other creators drawn (a paired bootstrap), and asks for a gain whose lower end lies above zero.

# COMMAND ----------

comparison = sandbox.compare("champion", "candidate", model="category")
comparison

# COMMAND ----------

comparison.picture()

# COMMAND ----------

# MAGIC %md
# MAGIC Can its probabilities be taken at their word? On the line, of the contents of which the model says 80%, it is right
# MAGIC in 80 of 100.

# COMMAND ----------

sandbox.plots.reliability("candidate", model="category")

# COMMAND ----------

# MAGIC %md
# MAGIC ## The decision
# MAGIC
# MAGIC `promote_model` makes the same comparison, writes down the decision and why (`gold.promotions`, and a page among the
# MAGIC reports), and only then moves the alias. A refusal is an answer, not a failure: it says what was not good enough.

# COMMAND ----------

sandbox.run("promote_model")

# COMMAND ----------

sandbox.show(sandbox.promotions.select("candidate", "champion", "promoted", "reason", "decided_at").orderBy("decided_at"))

# COMMAND ----------

sandbox.models()

# COMMAND ----------

# MAGIC %md
# MAGIC On the real lake the next `score_content` would score everything with the new champion. Was that a mistake, then
# MAGIC `suite.run("roll_back_model", decision__model=…, decision__version=…, decision__by="you")` takes it back.

# COMMAND ----------

sandbox.close()
