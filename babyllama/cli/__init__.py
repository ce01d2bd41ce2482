"""The `babyllama` command."""
