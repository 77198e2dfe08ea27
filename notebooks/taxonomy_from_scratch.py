# Databricks notebook source
# MAGIC %md
# MAGIC # A taxonomy from scratch
# MAGIC
# MAGIC What are these contents about, if nobody has said so yet? This notebook finds topics in the vectors alone, without a
# MAGIC label, names them by their words, hangs them into a tree, and then lets a person have the last word: a name, a merge.
# MAGIC The next discovery keeps to it.
# MAGIC
# MAGIC It works on a **sandbox**: a small copy of the lake that is gone when you are done.

# COMMAND ----------

# Parameters: which conf/<ENVIRONMENT>.yml, what differs from it, how many contents, and how many topics (None: as many
# as the contents say)
ENVIRONMENT = "local"
SETTINGS = []
CONTENTS = 3000
TOPICS = None

# COMMAND ----------

import tempfile
from pathlib import Path

from linnaeus import Suite

folder = Path(tempfile.mkdtemp())
no_list = folder / "no_categories.yml"
no_list.write_text("nodes: []\n")

suite = Suite(ENVIRONMENT, *SETTINGS)
sandbox = suite.sandbox(CONTENTS, taxonomy__path=str(no_list))
sandbox.plots.lengths()

# COMMAND ----------

# MAGIC %md
# MAGIC ## Discover
# MAGIC
# MAGIC Contents whose vectors point the same way are put together; how many groups there should be is what tells them apart
# MAGIC best. The lake's own list of categories was left out above: from scratch. (With it, contents first join the categories
# MAGIC that they belong to, and topics are hung below those.)

# COMMAND ----------

found = sandbox.run("discover_taxonomy", discovery__topics=TOPICS)
found

# COMMAND ----------

# MAGIC %md
# MAGIC ## Look at it
# MAGIC
# MAGIC A topic's keywords are the words that are frequent in it and rare elsewhere. Unfold *examples* to see the contents
# MAGIC that are nearest to its middle: if those have nothing in common, the topic is none.

# COMMAND ----------

topics = sandbox.topics()
topics

# COMMAND ----------

topics.picture()

# COMMAND ----------

# MAGIC %md
# MAGIC What is far from every topic is left unplaced rather than squeezed in.

# COMMAND ----------

sandbox.show(sandbox.topic_assignments.groupBy("reason").count())

# COMMAND ----------

# MAGIC %md
# MAGIC ## Name it
# MAGIC
# MAGIC A machine's names are words in a row. A person says what they mean, in a small file that can be reviewed and kept
# MAGIC under version control: `accept` makes a topic a *curated* node, which later discoveries keep. Here the largest topic
# MAGIC gets a name of its own.

# COMMAND ----------

leaves = topics.nodes[~topics.nodes["node_id"].isin(topics.nodes["parent_id"].dropna())]
largest = leaves.sort_values("size", ascending=False).iloc[0]
curation = f"""by: ann
note: a first name
steps:
  - accept: {largest["node_id"]}
    name: What most are about
"""
file = folder / "curation.yml"
file.write_text(curation)
print(curation)

# COMMAND ----------

sandbox.run("curate_taxonomy", taxonomy__curation=str(file))

# COMMAND ----------

named = sandbox.topics()
named

# COMMAND ----------

# MAGIC %md
# MAGIC Version 1 is there still (`sandbox.topics(1)`), every change is a row of `gold.taxonomy_changes`, and
# MAGIC `suite.run("curate_taxonomy", taxonomy__take_back=2)` undoes the last one. Ids stay the same for as long as a topic
# MAGIC lives on, so that what others have stored does not come loose.

# COMMAND ----------

sandbox.show(sandbox.taxonomy_changes.select("version", "kind", "detail"))

# COMMAND ----------

sandbox.close()
