"""Raw records in, clean rows or quarantine codes out."""
