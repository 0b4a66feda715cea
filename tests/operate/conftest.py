"""A folder of keys and settings of its own for each test, as in `tests/access`."""

from tests.access.conftest import folder, set_to

__all__ = ["folder", "set_to"]
