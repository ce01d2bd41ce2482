"""Public data by name: what there is (`catalog`), and bringing it from the Hugging Face Hub (`download`)."""

from babyllama.corpus.fetching.catalog import CATALOG, DataSet, hint

__all__ = ["CATALOG", "DataSet", "hint"]
