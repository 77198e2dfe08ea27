"""The suite as notebooks use it: tables by attribute, explanations, comparisons, pictures, jobs with a progress bar.

It may import everything, and nothing imports it.
"""
