"""Data that training needs, packed small."""
