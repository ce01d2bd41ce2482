"""Reads run folders only: plots, tables, model card, comparison."""

from babyllama.reporting.card import write_card
from babyllama.reporting.facts import RunFacts, read_run
from babyllama.reporting.plots import draw_plots

__all__ = ["RunFacts", "draw_plots", "read_run", "write_card"]
