"""Formats and documents: from files to streams of documents, in bounded memory."""

from babyllama.corpus.reading.documents import SEPARATOR, read_documents
from babyllama.corpus.reading.files import corpus_files, fingerprint_text, is_synthetic, refuse_changed

__all__ = ["SEPARATOR", "corpus_files", "fingerprint_text", "is_synthetic", "read_documents", "refuse_changed"]
