"""The only code with effects: Spark sessions, storage, MLflow, downloads."""
