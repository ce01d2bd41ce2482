"""From a YAML file and overrides to a checked configuration, and back to text."""

from babyllama.settings.loading import Flag, config_from_values, config_of_defaults, load_config
from babyllama.settings.rendering import resolved_yaml

__all__ = ["Flag", "config_from_values", "config_of_defaults", "load_config", "resolved_yaml"]
