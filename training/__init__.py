"""Regenerate the weights of the networks from synthetic phantoms."""
