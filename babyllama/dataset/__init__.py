"""Documents to token blocks on disk to what a Trainer reads."""

from babyllama.dataset.packed import PackedDataset
from babyllama.dataset.prepare import packed_folder, prepare_dataset, sample_blocks

__all__ = ["PackedDataset", "packed_folder", "prepare_dataset", "sample_blocks"]
