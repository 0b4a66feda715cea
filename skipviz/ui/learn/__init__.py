"""Lessons, the misconceptions, the published tables."""
