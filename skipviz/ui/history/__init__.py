"""All stored runs: found, named, pinned, deleted, taken away, taken in."""
