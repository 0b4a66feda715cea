"""The side of runs that imports torch: a warm process that trains what it is told to."""
