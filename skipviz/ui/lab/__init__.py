"""The Lab: a form of up to four lanes."""
