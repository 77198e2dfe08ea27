"""What every other package may rely on: errors, column names, schemas, tables, configuration, model bundles."""
