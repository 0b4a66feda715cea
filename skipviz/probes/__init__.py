"""One measurement of a model per file, each with a `PROBE`."""
