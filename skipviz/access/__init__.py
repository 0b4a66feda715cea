"""Who may do what: roles, the table of actions, settings, keys, and the doors of the server."""
