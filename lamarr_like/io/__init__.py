"""Truth in (generators and files) and ntuples out."""
