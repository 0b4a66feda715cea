"""What leaves the program as a file, and comes back: frames, whole runs, scripts, drawings."""
