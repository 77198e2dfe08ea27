"""A model bundle and features in, scored contents out."""
