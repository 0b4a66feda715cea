"""The Architecture page: one net or two, drawn and counted."""
