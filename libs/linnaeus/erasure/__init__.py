"""Which rows are a creator's, and which records of a source must not come back."""
