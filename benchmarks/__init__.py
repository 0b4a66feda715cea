"""A package, because some library installs a folder of this name, too."""
