"""Suites: tasks that a leaderboard puts side by side, where their data lie, and what the board averages."""
