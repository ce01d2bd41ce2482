"""Files that are whole or absent, what they were made from, and how a stage makes or reuses them."""

from babyllama.artifacts.files import (
    atomic_file,
    atomic_folder,
    read_bytes,
    read_json,
    read_object,
    read_sealed,
    read_text,
    recover_folder,
    sync_folder,
    write_array,
    write_json,
    write_sealed,
    write_text,
)
from babyllama.artifacts.fingerprints import (
    code_value,
    fingerprint_bytes,
    fingerprint_file,
    fingerprint_files,
    fingerprint_value,
    package_versions,
)
from babyllama.artifacts.locks import Lock, sole_builder
from babyllama.artifacts.manifest import MANIFEST_NAME, Manifest, damaged_file, file_facts
from babyllama.artifacts.stage import Built, build_or_reuse, refuse_foreign

__all__ = [
    "MANIFEST_NAME",
    "Built",
    "Lock",
    "Manifest",
    "atomic_file",
    "atomic_folder",
    "build_or_reuse",
    "code_value",
    "damaged_file",
    "file_facts",
    "fingerprint_bytes",
    "fingerprint_file",
    "fingerprint_files",
    "fingerprint_value",
    "package_versions",
    "read_bytes",
    "read_json",
    "read_object",
    "read_sealed",
    "read_text",
    "recover_folder",
    "refuse_foreign",
    "sole_builder",
    "sync_folder",
    "write_array",
    "write_json",
    "write_sealed",
    "write_text",
]
