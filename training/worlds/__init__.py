"""Synthetic worlds with known susceptibility."""
