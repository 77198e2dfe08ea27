"""The jobs of linnaeus, one thin module each; `python -m jobs.<job> --env local` runs one, jobs.flow the graph."""
