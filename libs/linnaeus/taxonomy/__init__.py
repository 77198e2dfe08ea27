"""The tree of topics: discovery, description, lineage of node ids, curation, exchange with other forms, its page."""
