"""Reads run folders only: report, plots, tables, model card, comparison."""

from babyllama.reporting.card import write_card
from babyllama.reporting.comparison import write_comparison
from babyllama.reporting.plots import draw_plots
from babyllama.runs.facts import RunFacts, read_run

__all__ = ["RunFacts", "draw_plots", "read_run", "write_card", "write_comparison"]
