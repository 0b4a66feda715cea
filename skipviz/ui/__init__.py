"""What the pages are made of: widgets, page state, the live component. Loads nothing by itself."""
