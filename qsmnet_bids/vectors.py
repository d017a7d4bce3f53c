"""Vector types that do not need torch."""

Vector = tuple[float, float, float]
