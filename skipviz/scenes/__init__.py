"""One lecture scene per file, each with a `SCENE`."""
