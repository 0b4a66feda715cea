"""Augmentation as in the papers, for a whole batch at once on the device.

He et al. 2015, section 4.2: four pixels are padded on each side of 32, a random 32×32 crop is
taken, or of its mirror image. Images of other sizes are padded by the same eighth of their side.
The padding is zero after standardisation: the mean colour, as in the authors' own released code.

B batch, C channels, H and W sides, P padding.
"""

from __future__ import annotations

import torch
from torch.nn import functional

from skipviz.datafiles import augmentation


def augmented(images: torch.Tensor, how: str, throws: torch.Tensor) -> torch.Tensor:
    """Standardised images (B, C, H, W), each cropped ("crop"), mirrored ("flip") or both by its
    throws, (3, B) integers as `augmentation.thrown` gives them: the corner's row and column, and 1
    where it is mirrored. What is done depends on `how` alone: a CUDA graph may hold it."""
    if how in ("crop", "both"):
        images = _cropped(images, throws[:2])
    if how in ("flip", "both"):
        images = torch.where(throws[2].bool()[:, None, None, None], images.flip(3), images)
    return images


def _cropped(images: torch.Tensor, corners: torch.Tensor) -> torch.Tensor:
    count, _, height, width = images.shape
    pad = augmentation.padding(height)
    rows = corners[0, :, None] + torch.arange(height, device=images.device)  # (B, H)
    columns = corners[1, :, None] + torch.arange(width, device=images.device)  # (B, W)
    padded = functional.pad(images, (pad, pad, pad, pad)).permute(0, 2, 3, 1)  # (B, H+2P, W+2P, C)
    which = torch.arange(count, device=images.device)[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
