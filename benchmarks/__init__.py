"""Measurements that the tests cannot make: accuracy against the truth, overhead, and scale."""
