"""The Data page: which sets there are, what is in them, how one gets here."""
