"""The same as the pages without a browser: `python -m skipviz`, one file a command."""
