"""Tests of workers elsewhere: one suite for every back end, and what is Ray's own."""
