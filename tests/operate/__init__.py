"""Tests of what whoever operates a server needs."""
