"""Scored contents in, creator profiles out."""
