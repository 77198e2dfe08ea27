"""The settings, as the package linnaeus.conf: an installed wheel brings them along (see setup.py)."""
