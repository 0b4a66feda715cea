"""What lies on disk: runs, their frames and answers, recordings, rooms."""
