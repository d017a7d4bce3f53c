"""Data that travels with the package: bibliography and path patterns."""
