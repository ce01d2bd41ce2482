"""Checkpoints by words seen, on the schedule of the BabyLM challenge: every 1M to 10M, 10M to 100M, 100M to 1000M.

Repeats count: 10 epochs over 10M words are 100M words seen. Each checkpoint is a model folder ready to upload as the
branch of its name (`chck_1M`, `chck_10M`, ...).
"""

from __future__ import annotations

from babyllama import console
from babyllama.training.hooks.base import Hook, RunningTrainer

MILLION = 1_000_000
SCHEDULE_MILLIONS = (*range(1, 10), *range(10, 100, 10), *range(100, 1001, 100))
"""Words seen, in millions, at which a checkpoint is saved."""


NEARLY = 0.95
"""A run that ends with this share of the next entry has its last model saved as that entry, too: ten epochs over a text of 9.8
million words are the 100 million that the challenge asks for."""


def crossed(before: int, after: int, unit: int = MILLION) -> list[int]:
    """Entries of the schedule that lie in (before, after] words, in units of `unit` words."""
    return [entry for entry in SCHEDULE_MILLIONS if before < entry * unit <= after]


def at_the_end(words: int, unit: int = MILLION) -> list[int]:
    """The next entry of the schedule, if a run that ends with `words` words has nearly reached it."""
    following = next((entry for entry in SCHEDULE_MILLIONS if words < entry * unit), None)
    return [following] if following is not None and words >= NEARLY * following * unit else []


def announcement(words: int) -> str:
    """What a run that sees about `words` words will save."""
    early = at_the_end(words)
    due = crossed(0, words) + early
    if not due:
        return (
            f"note: training.word_checkpoints: the run sees about {words:,} words and the schedule begins at 1,000,000, so it "
            "saves none; final/ is the only model"
        )
    told = f"word checkpoints: {len(due)}, chck_{due[0]}M to chck_{due[-1]}M of about {words:,} words seen"
    return told + "".join(
        f"; the last model stands for chck_{entry}M, with {_share(words, entry)} of it" for entry in early
    )


def _share(words: int, entry: int, unit: int = MILLION) -> str:
    return f"{100 * words / (entry * unit):.1f} %"


class WordCheckpoints(Hook):
    """Saves a model folder in the step that reaches an entry of the schedule."""

    def __init__(self, unit: int = MILLION) -> None:
        self.unit = unit

    def after_step(self, trainer: RunningTrainer, step: int) -> None:
        """Save what the step's words have made due."""
        journal = trainer.journal
        words = journal.state.words_seen
        due = crossed(words - journal.step_words, words, self.unit)
        training = trainer.config.training
        if step >= trainer.plan.total_steps(training.num_epochs, training.max_steps):
            due += at_the_end(words, self.unit)
        if not due:
            return
        journal.guard.check_now()
        journal.clock.training(False)
        if trainer.args.should_save:
            facts = {"step": step, "words_seen": words, "tokens_seen": journal.state.tokens_seen}
            for entry in due:
                path = trainer.saver.paths.words_checkpoint(entry)
                trainer.saver.save_model(path, trainer.model, facts=facts)
                early = (
                    f" (the run ends with {_share(words, entry, self.unit)} of its words)"
                    if words < entry * self.unit
                    else ""
                )
                console.say(f"step {step}: {words:,} words seen, saved {path}{early}")
        journal.clock.training(True)
