"""Truth from tables: ROOT and Parquet, ours or foreign."""
