"""One GRPO step of TRL over the environment, with a tiny random model: shows that the adapters fit the trainer.

    python benchmarks/trl_step.py reward    the model answers once; the reward function examines what it said
    python benchmarks/trl_step.py tools     the model calls the episode's tools

Needs `trl` and `torch`, which the package does not ask for; no network and no accelerator. A random model never writes SQL, so
that its first answers are replaced by a task's certified rewrite and by its original: the two rewards, and that all weights move,
are what there is to see.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

os.environ.update(HF_HUB_OFFLINE="1", TRL_EXPERIMENTAL_SILENCE="1", TOKENIZERS_PARALLELISM="false")

import torch
import trl
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

from querywright.gym.adapters.trl import environment_factory, reward_function, rows, tool_rows
from querywright.gym.local import local_gym
from querywright.gym.tasks.driver import tasks

END, START, PAD = "<|im_end|>", "<|im_start|>", "<|endoftext|>"


def tokenizer() -> PreTrainedTokenizerFast:
    """One token a byte or little more, and a chat template with tools that comes with TRL."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=600, special_tokens=[PAD, START, END], initial_alphabet=alphabet)
    made.train_from_iterator(["SELECT a FROM t WHERE b = 1 user assistant system"], trainer)
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made, eos_token=END, pad_token=PAD)
    wrapped.chat_template = (Path(trl.__file__).parent / "chat_templates" / "qwen3.jinja").read_text(encoding="utf-8")
    return wrapped


def model(tokens: PreTrainedTokenizerFast) -> Qwen2ForCausalLM:
    """Two layers of random weights."""
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    ends = {"eos_token_id": tokens.eos_token_id, "pad_token_id": tokens.pad_token_id}
    return Qwen2ForCausalLM(
        Qwen2Config(vocab_size=len(tokens), num_key_value_heads=1, max_position_embeddings=8192, **size, **ends)
    )


def saying(said: Iterator[str], reward: Callable[..., list[float | None]]) -> Callable[..., list[float | None]]:
    """The reward function of what the model should have said."""

    def replaced(prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[float | None]:
        answers = [[{"role": "assistant", "content": f"```sql\n{next(said)}\n```"}] for _ in completions]
        scores = reward(prompts=prompts, completions=answers, **columns)
        print("rewards:", scores)
        return scores

    return replaced


def calling(trainer: GRPOTrainer, tokens: PreTrainedTokenizerFast, said: Sequence[str]) -> None:
    """Let the first turn of each completion be a call of the tool."""
    generate, turns = trainer._generate_single_turn, iter(["first"])

    def replaced(*arguments: Any, **options: Any) -> Any:
        generated = generate(*arguments, **options)
        if next(turns, None) is None:
            return generated
        calls = [json.dumps({"name": "submit_query", "arguments": {"query": sql, "issues": []}}) for sql in said]
        texts = [f"<tool_call>\n{call}\n</tool_call>{END}" for call in calls]
        return [tokens.encode(text, add_special_tokens=False) for text in texts], *generated[1:]

    trainer._generate_single_turn = replaced


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("form", choices=("reward", "tools"))
    form = parser.parse_args().form
    torch.manual_seed(0)
    tokens, task = tokenizer(), tasks(family="repaired")[0]
    assert task.reference is not None
    said, small = [task.reference.sql, task.sql], model(tokens)
    before = [one.detach().clone() for one in small.parameters()]
    with local_gym() as gym, tempfile.TemporaryDirectory() as folder:
        options = GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=False,
            max_steps=1,
            per_device_train_batch_size=2,
            num_generations=2,
            max_completion_length=24 if form == "reward" else 1500,
            learning_rate=1e-3,
            logging_steps=1,
            report_to=[],
            save_strategy="no",
        )
        entries = [entry for entry in gym.tasks() if entry.id == task.id]
        if form == "reward":
            data = Dataset.from_list(rows(gym, entries))
            reward = saying(iter(said), reward_function(gym))
            trainer = GRPOTrainer(small, args=options, processing_class=tokens, train_dataset=data, reward_funcs=reward)
        else:
            data, episodes = Dataset.from_list(tool_rows(entries)), environment_factory(gym)
            trainer = GRPOTrainer(small, args=options, processing_class=tokens, train_dataset=data, environment_factory=episodes)
            calling(trainer, tokens, said)
        trainer.train()
    changed = sum(bool((old != new).any()) for old, new in zip(before, small.parameters(), strict=True))
    log = trainer.state.log_history[0]
    shown = {name: value for name, value in log.items() if name.startswith(("reward", "grad", "gym", "tools"))}
    print(f"{shown}\n{changed} of {len(before)} tensors of weights changed")


if __name__ == "__main__":
    main()
