"""Quantitative susceptibility mapping with neural networks, as a BIDS App."""

__version__ = '0.1.0'
