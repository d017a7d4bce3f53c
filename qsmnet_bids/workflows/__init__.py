"""Nipype workflows, one per file."""
