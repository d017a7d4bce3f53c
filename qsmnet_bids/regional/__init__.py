"""Regions of a segmentation: brought to the maps' grid, and what the maps hold in them."""
