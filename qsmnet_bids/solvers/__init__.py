"""Iterative solvers that know only callables."""
