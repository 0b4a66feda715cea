"""Whether an error says that memory ran out, however each device of torch says it."""

from __future__ import annotations

import gc

import torch

_SAYS = (
    "can't allocate memory",  # the CPU's allocator, on Linux and macOS
    "not enough memory",  # … on Windows
    "out of memory",  # CUDA's and Apple's, where they raise no OutOfMemoryError
    "alloc_failed",  # CUDA's libraries: CUBLAS_STATUS_ALLOC_FAILED
    "std::bad_alloc",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Does this error say that memory ran out? It may be the cause of another one."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if isinstance(error, RuntimeError) and any(says in str(error).lower() for says in _SAYS):
        return True
    cause = error.__cause__ or error.__context__
    return cause is not None and is_out_of_memory(cause)


def give_back() -> None:
    """Gives back what is no longer used, to the system and to the device."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()
