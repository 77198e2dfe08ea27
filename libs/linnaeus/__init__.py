"""linnaeus: what creators make and what risk it carries, as a suite of Spark jobs over Delta tables."""
