"""Neural networks as plain modules with their sizes as arguments."""
