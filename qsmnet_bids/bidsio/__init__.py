"""Reading and writing of BIDS datasets."""
