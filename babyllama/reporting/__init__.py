"""Reads run folders only: plots, tables, model card, comparison."""
