"""Simulated multi-echo datasets with known susceptibility."""
