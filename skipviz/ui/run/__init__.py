"""One run on a page: its address, its controls, its live charts, what can be asked of it."""
