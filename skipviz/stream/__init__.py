"""What goes to browsers: a run's frames over a WebSocket, and the files of the live charts."""
