"""Figures, subject reports and group results."""
