"""A package: a library's folder of this name must not stand in for it."""
