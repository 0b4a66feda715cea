"""Who trains what, and when: the queue, the worker processes, runs as the web process sees them."""
