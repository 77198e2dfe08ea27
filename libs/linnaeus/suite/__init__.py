"""The suite as notebooks use it: tables by attribute, explanations, comparisons, pictures, jobs with a progress bar.

It may import everything, and nothing imports it.
"""

import warnings

# Libraries below want ipywidgets for bars of their own; the suite's needs none.
warnings.filterwarnings("ignore", message="IProgress not found")
