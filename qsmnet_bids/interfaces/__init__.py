"""Nipype interfaces: load, call the stage, save."""
