"""Runs: the queue, the store, the frames log, its stream to the browser, the workers."""
