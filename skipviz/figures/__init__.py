"""Frames and readings as figures; `theme` holds the palette."""
