"""Files that labelling tools export, as votes."""
