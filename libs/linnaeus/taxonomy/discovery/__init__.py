"""Topics from vectors or tokens: found, described and set in a tree; the same ones whatever the rows' order."""
