"""What stands before every path of a server that a proxy shows under one (Streamlit's
server.baseUrlPath)."""

from __future__ import annotations


def prefix(base: str) -> str:
    """That as paths begin with it: `/lecture` of "lecture" or "/lecture/"; empty of ""."""
    return f"/{base.strip('/')}".rstrip("/")
