"""What whoever operates a server needs: is it well, its figures, its log, how it leaves."""
