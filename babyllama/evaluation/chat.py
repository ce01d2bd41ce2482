"""A conversation with a model that was fine-tuned on chats or on prompts with responses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from babyllama.corpus.reading.instructions import Message, Template, prompt_segments
from babyllama.errors import EvaluationError
from babyllama.evaluation.generation import Sampling, Show, decode, draw
from babyllama.evaluation.models import LoadedModel
from babyllama.evaluation.scoring.sequences import context_token, encode_plain
from babyllama.runs import Run


@dataclass
class Chat:
    """A conversation, whose history the model reads before each answer.

    Where history and answer do not fit the context, the oldest turns are forgotten. EvaluationError for a model that was not
    fine-tuned: it continues texts and answers nobody.
    """

    loaded: LoadedModel
    sampling: Sampling = field(default_factory=Sampling)
    history: list[Message] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.template = template_of(self.loaded)
        self.sampling.check()

    def ask(self, text: str, show: Show | None = None) -> str:
        """The model's answer to `text`; both are remembered. EvaluationError for an empty message."""
        if not text.strip():
            raise EvaluationError("the message is empty: write what the model should answer.")
        self.history.append({"role": "user", "content": text})
        ids = self._prompt()
        context = self.loaded.context_length
        while context is not None and len(self.history) > 1 and len(ids) + self._room(context) > context:
            # A question goes with its answer.
            del self.history[: 2 if len(self.history) > 2 else 1]
            ids = self._prompt()
        answer = decode(self.loaded, draw(self.loaded, [ids], self.sampling, show)[0])
        self.history.append({"role": "assistant", "content": answer.strip() or "..."})
        return answer

    def _room(self, context: int) -> int:
        return min(self.sampling.max_new_tokens, context // 2)

    def _prompt(self) -> list[int]:
        """Token ids of the conversation up to where the model answers, as in fine-tuning."""
        tokenizer: Any = self.loaded.tokenizer
        if self.template is None:
            ids = tokenizer.apply_chat_template(
                self.history, add_generation_prompt=True, tokenize=True, return_dict=False
            )
            return list(ids)
        first = context_token(tokenizer)
        found = [] if first is None else [first]
        for part in prompt_segments(self.history, self.template):
            found += encode_plain(tokenizer, [part.text])[0]
            found += [tokenizer.eos_token_id] if part.ends else []
        return found


def template_of(loaded: LoadedModel) -> Template | None:
    """How the model's fine-tuning wrote conversations; None: as its tokenizer's own chat template says."""
    if loaded.run is not None and loaded.run.config.is_file():
        data = Run(loaded.run.root).config.data
        if data.format == "instructions":
            return data.template
    elif getattr(loaded.tokenizer, "chat_template", None):
        return None
    raise EvaluationError(
        f"{loaded.name} was not fine-tuned on prompts or chats: it continues texts (generate without --chat). "
        "babyllama finetune makes a model that answers."
    )
