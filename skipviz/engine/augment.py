"""Augmentation as in the papers, for a whole batch at once on the device.

He et al. 2015, section 4.2: four pixels are padded on each side of 32, a random 32×32 crop is
taken, or of its mirror image. Images of other sizes are padded by the same eighth of their side.
The padding is zero after standardisation: the mean colour, as in the authors' own released code.

B batch, C channels, H and W sides, P padding.
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from skipviz.datafiles import augmentation


def augmented(images: torch.Tensor, how: str, rng: np.random.Generator) -> torch.Tensor:
    """Standardised images (B, C, H, W), each cropped ("crop"), mirrored ("flip") or both by
    chance."""
    throws = augmentation.thrown(how, len(images), images.shape[2], rng)
    if throws.pad:
        images = _cropped(images, throws)
    if throws.mirrored.any():
        mirrored = torch.from_numpy(throws.mirrored).to(images.device)
        images = torch.where(mirrored[:, None, None, None], images.flip(3), images)
    return images


def _cropped(images: torch.Tensor, throws: augmentation.Throws) -> torch.Tensor:
    count, _, height, width = images.shape
    pad, places = throws.pad, torch.from_numpy(throws.corners).to(images.device)
    rows = places[0, :, None] + torch.arange(height, device=images.device)  # (B, H)
    columns = places[1, :, None] + torch.arange(width, device=images.device)  # (B, W)
    padded = functional.pad(images, (pad, pad, pad, pad)).permute(0, 2, 3, 1)  # (B, H+2P, W+2P, C)
    which = torch.arange(count, device=images.device)[:, None, None]
    return padded[which, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()
