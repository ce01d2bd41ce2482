"""How fast a model reads and writes, by batch size, and how much memory that takes. Says nothing about what it writes."""

from __future__ import annotations

import inspect
import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from babyllama.evaluation.models import LoadedModel


def measure_speed(
    loaded: LoadedModel, batches: Sequence[int], *, length: int, new_tokens: int, repeats: int
) -> dict[str, Any]:
    """Medians of `repeats` after one warm-up, on random tokens.

    For each batch size: `prefill_tokens_per_second` (a prompt read into an empty cache) and `decode_tokens_per_second` (one
    token after another into that cache, over all sequences), `token_ms` (one step of decoding); `first_token_ms` is one
    prompt read and its first token chosen. Prompt and new tokens fit the context: `length` is the prompt's.
    """
    import torch

    context = loaded.context_length or length + new_tokens
    steps = max(1, min(new_tokens, context // 2))
    width = max(1, min(length, context - steps))
    vocabulary = loaded.model.get_output_embeddings().weight.shape[0]
    generator = torch.Generator().manual_seed(0)
    # As `generate` reads a prompt: the logits of its last token only, where the class can leave out the others.
    last = {"logits_to_keep": 1} if "logits_to_keep" in inspect.signature(loaded.model.forward).parameters else {}
    rows = []
    reset_peak(loaded.device)
    for batch in batches:
        prompt = torch.randint(vocabulary, (batch, width), generator=generator).to(loaded.device)

        def prefill(prompt: Any = prompt) -> Any:
            return loaded.model(prompt, use_cache=True, **last)

        def decode(prompt: Any = prompt) -> None:
            loaded.model.generate(
                prompt,
                attention_mask=torch.ones_like(prompt),
                do_sample=False,
                min_new_tokens=steps + 1,
                max_new_tokens=steps + 1,
                pad_token_id=0,
            )

        with torch.inference_mode():
            reading = seconds(prefill, loaded.device, repeats)
            whole = seconds(decode, loaded.device, repeats)
        # What `generate` takes beyond reading the prompt, over the tokens that come after the first.
        step = max(whole - reading, 1e-9) / steps
        rows.append(
            {
                "batch": batch,
                "prefill_tokens_per_second": batch * width / reading,
                "decode_tokens_per_second": batch / step,
                "first_token_ms": 1000 * reading,
                "token_ms": 1000 * step,
            }
        )
    return {
        "by_batch": rows,
        "prompt_tokens": width,
        "new_tokens": steps,
        "first_token_ms": rows[0]["first_token_ms"],
        "token_ms": rows[0]["token_ms"],
        "read_tokens_per_second": max(row["prefill_tokens_per_second"] for row in rows),
        "generated_tokens_per_second": rows[0]["decode_tokens_per_second"],
        "peak_memory_bytes": peak_memory(loaded.device),
        "device": str(loaded.device),
        "threads": torch.get_num_threads(),
        "dtype": loaded.dtype,
        "parameters": loaded.parameters,
    }


def seconds(work: Callable[[], Any], device: Any, repeats: int) -> float:
    """Median time of `work` after one warm-up, with the device waited for."""
    work()
    wait(device)
    found = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        wait(device)
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def wait(device: Any) -> None:
    """Until the device has done what it was given."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak(device: Any) -> None:
    """Let `peak_memory` count from here, where the system can."""
    import torch

    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        return
    try:
        _CLEAR.write_text("5")
    except OSError:  # not Linux: the peak is that of the whole process
        return


def peak_memory(device: Any) -> int:
    """Most bytes since `reset_peak`: allocated on a GPU, else resident in this process, Python and libraries included."""
    import torch

    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        line = next(one for one in _STATUS.read_text().splitlines() if one.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    except (OSError, StopIteration):
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else 1024 * peak
