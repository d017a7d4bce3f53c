"""The networks' weights: files, checksums, model cards, constructors."""
