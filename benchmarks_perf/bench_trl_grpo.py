"""One step of GRPO here, against TRL's `GRPOTrainer` with an `environment_factory` that plays the same episodes.

    pip install trl==1.16.0                                  beside vilasr; torch and transformers stay as they are
    python benchmarks_perf/bench_trl_grpo.py                 8 mazes x 4 attempts a step, 3 pairs of steps after one
    python benchmarks_perf/bench_trl_grpo.py --steps 5 --threads 2

Both sides, in one process and turn by turn: the embedded model in float32, all of it trained; the same mazes; our
environment, which draws; up to 256 tokens a turn at temperature 1; the paper's reward plus a number by lot, so that
every group teaches and nobody leaves one out; the loss averaged in each rollout, no reference model; one update a step,
AdamW. Seeds differ, so the sides are compared by what they say they did: turns, tokens, images.

TRL's side is that of a user who wants it fast: no gradient checkpointing (its default is to recompute), and one update
from the same samples, so that old log-probabilities need no pass of their own. Its environment hands images over as
content blocks of a tool's result. The embedded model's turns are no tool calls of a known form, so a response template
takes each turn that does not answer as one call, with the turn as its argument, and the chat template writes results as
the user's next message: token for token the conversation that the model was trained on, with nothing to describe tools.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
import warnings
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from trl_nano import TRAINER, leave_without_trl, processor_of, start_over_with_allocator, stock_model

leave_without_trl()
start_over_with_allocator()

import torch  # noqa: E402
from datasets import Dataset  # noqa: E402
from transformers import PrinterCallback, TrainerCallback  # noqa: E402
from transformers.utils import logging as transformers_logging  # noqa: E402
from trl import GRPOConfig, GRPOTrainer  # noqa: E402
from trl import __version__ as trl_version  # noqa: E402

from vilasr.env import Episode, EpisodeConfig  # noqa: E402
from vilasr.machine import hardware  # noqa: E402
from vilasr.policies.transformers import load_model  # noqa: E402
from vilasr.scoring import paper_reward  # noqa: E402
from vilasr.training.config import load_config  # noqa: E402
from vilasr.training.distributed import Ranks  # noqa: E402
from vilasr.training.grpo_config import GrpoConfig  # noqa: E402
from vilasr.training.grpo_prompts import open_prompts  # noqa: E402
from vilasr.training.grpo_rewards import Earned  # noqa: E402
from vilasr.training.grpo_rollouts import Sampler  # noqa: E402
from vilasr.training.grpo_update import learn  # noqa: E402
from vilasr.training.learner import open_learner  # noqa: E402
from vilasr.types import Completion, FinishReason, ImagePart  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from vilasr.policies.transformers.chat import ChatTokens
    from vilasr.types import Observation, Rollout, Sample

CONFIG = Path(__file__).parents[1] / "configs" / "grpo-maze.toml"
NUM_PROMPTS, NUM_SIBLINGS = 8, 4
MAX_TURNS = 12
TOO_LONG = "No more turns. " * 4096
"""More than any context holds. An environment cannot end a rollout, but TRL drops a result that does not fit, and ends
the rollout."""
TARGET_RATIO = 2.0
LEARNING_RATE = 1e-6


@dataclass(frozen=True, kw_only=True, slots=True)
class Spent:
    """Seconds: by the clock, and of processor time of all threads, which other programs disturb less."""

    wall: float = 0.0
    busy: float = 0.0

    def __sub__(self, other: Spent) -> Spent:
        return Spent(wall=self.wall - other.wall, busy=self.busy - other.busy)


def now() -> Spent:
    return Spent(wall=time.perf_counter(), busy=time.process_time())


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """What one step took, and what it did: means over its rollouts."""

    total: Spent
    generation: Spent
    scoring: Spent
    turns: float
    said: float
    read: float
    images: float

    @property
    def update(self) -> Spent:
        return self.total - self.generation - self.scoring


COUNTS = {"turns": "turns", "said": "tokens said", "read": "tokens in all", "images": "images"}


def by_lot(seed: int) -> Callable[[Rollout], float]:
    """The paper's reward plus a number between 0 and 1."""
    lots = random.Random(seed)
    return lambda rollout: paper_reward(rollout).total + lots.random()


def config_of(arguments: argparse.Namespace, out: Path) -> GrpoConfig:
    """The shipped example's, with as many rollouts a step as the comparison asks for."""
    overrides = {
        "out": json.dumps(str(out)),
        "steps": 1 + arguments.steps,
        "num_prompts": NUM_PROMPTS,
        "num_siblings": NUM_SIBLINGS,
        "concurrency": NUM_PROMPTS * NUM_SIBLINGS,
        "episode.max_turns": MAX_TURNS,
        "optim.lr": LEARNING_RATE,
        "optim.warmup": 0,
        "validation.every": 0,
        "exact": "false" if arguments.not_exact else "true",
    }
    return load_config(GrpoConfig, CONFIG, [f"{key}={value}" for key, value in overrides.items()])


# --- this project -----------------------------------------------------------------------------------------------------


class TimedSampler(Sampler):
    """`Sampler`, and how long its rollouts took."""

    def _run(self, *arguments: Any, **settings: Any) -> Any:
        begun = now()
        rollouts = super()._run(*arguments, **settings)
        self.generation = now() - begun
        return rollouts


class Ours:
    """The body of the loop in `train_grpo`."""

    def __init__(self, config: GrpoConfig) -> None:
        reward = by_lot(seed=1)
        self.learner = open_learner(config, Ranks(device=config.device), start=None)
        self.learner.model.eval()
        self.config = config
        self.sampler = TimedSampler(
            config, self.learner.loaded, lambda rollout: Earned(total=reward(rollout), correct=0.0, format=0.0)
        )

    def step(self, number: int) -> Step:
        begun = now()
        experience = self.sampler.take(number)
        taken = now() - begun
        learn(self.learner, experience.groups, self.config)
        self.sampler.weights_changed()
        total = now() - begun
        rollouts = [attempt.rollout for group in experience.groups for attempt in group.attempts]
        num = len(rollouts)
        tokens = [turn.tokens for rollout in rollouts for turn in rollout.turns if turn.tokens]
        said = sum(len(turn.token_ids) for turn in tokens)
        return Step(
            total=total,
            generation=self.sampler.generation,
            scoring=taken - self.sampler.generation,
            turns=sum(len(rollout.turns) for rollout in rollouts) / num,
            said=said / num,
            read=(said + sum(len(turn.context_ids) for turn in tokens)) / num,
            images=sum(len(rollout.images) for rollout in rollouts) / num,
        )

    def close(self) -> None:
        self.sampler.close()


# --- TRL --------------------------------------------------------------------------------------------------------------


class DrawingEnvironment:
    """An episode as TRL drives it: the public method is the tool, and its docstring the tool's description."""

    def __init__(self, samples: Sequence[Sample], config: EpisodeConfig, chat: ChatTokens) -> None:
        self._samples, self._config, self._chat = samples, config, chat

    def reset(self, number: int, **row: Any) -> list[dict[str, Any]]:
        self._episode = Episode(self._samples[number], self._config)
        return self._seen(self._episode.reset())

    def play(self, text: str) -> list[dict[str, Any]]:
        """
        Play one turn.

        Args:
            text: what the policy said, verbatim.

        Returns:
            What the policy sees next.
        """
        return self._seen(self._step(text))

    def _step(self, text: str) -> Observation:
        cut_off = len(self._chat.encode(text)) >= self._config.limits.max_completion_tokens
        return self._episode.step(Completion(text=text, finish=FinishReason.LENGTH if cut_off else FinishReason.STOP))

    def _seen(self, observation: Observation) -> list[dict[str, Any]]:
        self._is_over = observation.done
        if observation.done:
            return [{"type": "text", "text": TOO_LONG}]
        pixels = {view.index: view.pixels for view in observation.images}
        return [
            {"type": "image", "image": pixels[part.index]}
            if isinstance(part, ImagePart)
            else {"type": "text", "text": part.text}
            for part in observation.messages[-1].parts
        ]

    def _record(self, text: str) -> Rollout:
        """The rollout, whose last turn said `text`; an answer is no call of the tool, and not played yet."""
        if not self._is_over:
            self._step(text)
        return self._episode.rollout()


class TimedTrainer(GRPOTrainer):
    """`GRPOTrainer`, and what a step of it took; nothing it does is changed."""

    def _generate(self, prompts: list[Any]) -> Any:
        begun = now()
        made = super()._generate(prompts)
        self.generation = now() - begun
        prompt_ids, completion_ids, tool_mask, completions, _, _, images, _ = made
        num = len(prompt_ids)
        self.counts = {
            "turns": sum(message["role"] == "assistant" for messages in completions for message in messages) / num,
            "said": sum(map(sum, tool_mask)) / num,
            "read": sum(map(len, [*prompt_ids, *completion_ids])) / num,
            "images": sum(map(len, images)) / num,
        }
        return made

    def _generate_and_score_completions(self, inputs: list[Any]) -> Any:
        begun = now()
        scored = super()._generate_and_score_completions(inputs)
        self.scoring = now() - begun - self.generation
        return scored


class Pairs(TrainerCallback):
    """Before each step of TRL one of ours, so that whatever else the machine does disturbs both."""

    def __init__(self, ours: Ours) -> None:
        self.ours = ours
        self.pairs: list[tuple[Step, Step]] = []
        self.trainer: TimedTrainer

    def on_step_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        self.own = self.ours.step(state.global_step)
        self.begun = now()

    def on_step_end(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        trainer = self.trainer
        other = Step(total=now() - self.begun, generation=trainer.generation, scoring=trainer.scoring, **trainer.counts)
        self.pairs.append((self.own, other))
        print(f"  step {state.global_step}: {self.own.total.wall:.1f} s here, {other.total.wall:.1f} s TRL", flush=True)


def trainer_of(config: GrpoConfig, ours: Ours, pairs: Pairs, *, batch: int) -> TimedTrainer:
    """TRL's side of `config`, `batch` rollouts in each forward pass of its update."""
    loaded = load_model("nano")
    episode = ours.sampler.episode
    prompts = open_prompts(config.prompts, batch_size=config.num_prompts)
    firsts = range(0, config.steps * config.num_prompts, config.num_prompts)
    samples = [sample for first in firsts for sample in prompts(first, config.num_prompts)[0]]
    opening = [{"role": "system", "content": episode.protocol.system}, {"role": "user", "content": ""}]
    reward = by_lot(seed=2)

    def rewards(completions: list[Any], environments: list[DrawingEnvironment], **rest: Any) -> list[float]:
        return [
            reward(environment._record(messages[-1]["content"]))
            for environment, messages in zip(environments, completions, strict=True)
        ]

    num_rollouts = config.num_prompts * config.num_siblings
    arguments = GRPOConfig(
        output_dir=str(config.out / "trl"),
        max_steps=config.steps,
        num_generations=config.num_siblings,
        per_device_train_batch_size=batch,
        gradient_accumulation_steps=num_rollouts // batch,
        max_completion_length=loaded.max_context_tokens - 512,
        max_tool_calling_iterations=MAX_TURNS - 1,
        generation_kwargs={
            "max_new_tokens": config.max_tokens,
            "suppress_tokens": loaded.chat.banned(loaded.model.config.text_config.vocab_size),
        },
        temperature=config.temperature,
        top_p=config.top_p,
        beta=0.0,
        loss_type="grpo",
        learning_rate=config.optim.lr,
        weight_decay=config.optim.weight_decay,
        adam_beta2=config.optim.betas[1],
        max_grad_norm=config.optim.clip_norm,
        shuffle_dataset=False,
        **TRAINER,
    )
    trainer = TimedTrainer(
        model=stock_model(loaded),
        args=arguments,
        reward_funcs=rewards,
        train_dataset=Dataset.from_list([{"prompt": opening, "number": number} for number in range(len(samples))]),
        processing_class=processor_of(loaded.folder),
        environment_factory=lambda: DrawingEnvironment(samples, episode, loaded.chat),
        callbacks=[pairs],
    )
    trainer.remove_callback(PrinterCallback)
    pairs.trainer = trainer
    return trainer


# --- what came of it --------------------------------------------------------------------------------------------------


def report(pairs: list[tuple[Step, Step]]) -> float:
    """Prints both sides, medians; returns the ratio of the totals by the clock."""
    print(f"\n{'seconds a step':<16}{'by the clock':>24}{'processor time':>28}")
    print(f"{'':<16}" + f"{'here':>10}{'TRL':>8}{'ratio':>8}" * 2)
    for phase in ("total", "generation", "scoring", "update"):
        line = f"{phase if phase == 'total' else '  ' + phase:<16}"
        for clock in ("wall", "busy"):
            ours, other = (median(getattr(getattr(pair[side], phase), clock) for pair in pairs) for side in (0, 1))
            line += f"{ours:>10.2f}{other:>8.2f}{other / ours:>8.2f}"
        print(line)
    print(f"{'of each rollout':<16}{'here':>10}{'TRL':>8}")
    for name, title in COUNTS.items():
        ours, other = (median(getattr(pair[side], name) for pair in pairs) for side in (0, 1))
        print(f"  {title:<14}{ours:>10.1f}{other:>8.1f}")
    for clock, title in (("wall", "the clock"), ("busy", "processor time")):
        ratios = [getattr(theirs.total, clock) / getattr(own.total, clock) for own, theirs in pairs]
        print(f"by {title} {median(ratios):.2f} times (single pairs {min(ratios):.2f} to {max(ratios):.2f})")
    return median(pair[1].total.wall for pair in pairs) / median(pair[0].total.wall for pair in pairs)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=3, help="pairs of steps that count; one more goes before them")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--batch", type=int, default=8, help="rollouts in a forward pass of TRL's update")
    parser.add_argument("--not-exact", action="store_true", help="our engine not in rounds: exact = false")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    torch.set_num_threads(arguments.threads)
    print(
        f"{NUM_PROMPTS} mazes x {NUM_SIBLINGS} attempts, float32, {arguments.threads} threads, TRL {trl_version}",
        flush=True,
    )
    with tempfile.TemporaryDirectory() as folder:
        config = config_of(arguments, Path(folder))
        with closing(Ours(config)) as ours:
            pairs = Pairs(ours)
            trainer_of(config, ours, pairs, batch=arguments.batch).train()
    counted = pairs.pairs[1:]
    ratio = report(counted)
    turns = min(step.turns for pair in counted for step in pair)
    print(f"TRL takes {ratio:.2f} times as long; target {TARGET_RATIO:g}, at 3 turns or more (here {turns:.1f})")
    print(f"hardware: {hardware()}; torch {torch.__version__}")
    return 0 if ratio >= TARGET_RATIO and turns >= 3 else 1


if __name__ == "__main__":
    sys.exit(main())
