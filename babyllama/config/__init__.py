"""Configuration: typed sections, YAML and overrides, the places of mistakes, the JSON schema."""
