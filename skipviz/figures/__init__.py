"""Frames and readings as figures; `theme` holds the palette."""

from importlib import import_module

# Plotly looks for pandas among the loaded modules whenever it takes a value, and Streamlit loads it
# in the middle of a page: whoever draws in another thread then would find it half loaded.
import_module("pandas")
