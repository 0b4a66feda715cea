"""Data sets, one per file. Each file holds one `DATASET`; its name is the data set's key.

Importing a file loads neither torch nor scikit-learn: they are imported inside `load()`. Images are
uint8 as they are stored, (N, C, H, W), labels int64, (N,); scaling them is the engine's affair.
"""
