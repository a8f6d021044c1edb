"""How fast the embedded engine is, against two ways of doing without it. No checkpoint needed: random weights of the
embedded model's shape, turns cut at fixed lengths (12 to 70 tokens, ragged), one new 224x224 image a turn.

    python benchmarks_perf/bench_engine.py            both comparisons, three repeats each, interleaved
    python benchmarks_perf/bench_engine.py --quick    fewer turns and rollouts, one repeat

A. keys, values and vision features kept over the turns, against the same engine given the whole conversation anew each
   turn (and no feature cache): rollouts of 8 turns a second.
B. the engine, against `model.generate` called once a turn, in lock step over a batch of 32 rollouts: everything
   prefilled again, the next turn begins when the longest has ended.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Coroutine  # noqa: TC003
from dataclasses import dataclass
from pathlib import Path
from statistics import median

# Before torch: glibc otherwise hands large tensors back to the kernel at every step.
ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": "1000000000",
    "MALLOC_TRIM_THRESHOLD_": "1000000000",
    "MALLOC_TOP_PAD_": "64000000",
}
if any(key not in os.environ for key in ALLOCATOR):
    os.execve(sys.executable, [sys.executable, *sys.argv], {**ALLOCATOR, **os.environ})

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image  # noqa: E402

from vilasr.policies.transformers import EngineConfig, LoadedModel, TransformersPolicy, load_model, patchify  # noqa: E402
from vilasr.types import ImagePart, ImageView, Message, Observation, Role, SamplingParams, TextPart  # noqa: E402

TURN_LENGTHS = (31, 12, 70, 25, 44, 18, 58, 36)
IMAGE_SIZE = (224, 224)


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """What is asked of both sides: `num_rollouts` in flight at once, each of `num_turns` turns."""

    num_rollouts: int
    num_turns: int

    def length(self, rollout: int, turn: int) -> int:
        """Tokens of that turn: the same list, begun elsewhere in each rollout."""
        return TURN_LENGTHS[(3 * rollout + turn) % len(TURN_LENGTHS)]

    def observation(self, rollout: int, turn: int) -> Observation:
        """A prompt with the group's image (siblings of 8 share it), then one new image and a few words a turn."""
        seed = rollout // 8 if turn == 0 else 1000 + rollout * 100 + turn
        pixels = np.random.default_rng(seed).integers(0, 256, (*IMAGE_SIZE[::-1], 3), dtype=np.uint8)
        image = ImageView(index=turn + 1, pixels=Image.fromarray(pixels), key=f"image {seed}")
        text = "Which letter does the path lead to? A, B, C or D" if turn == 0 else "Continue."
        user = Message(Role.USER, (TextPart(f"Image {turn + 1} (224x224):"), ImagePart(turn + 1), TextPart(text)))
        system = Message(Role.SYSTEM, (TextPart("Draw boxes and lines to reason, then answer."),))
        return Observation(messages=(system, user) if turn == 0 else (user,), images=(image,))


def nano_shaped_model(folder: Path) -> LoadedModel:
    """Random weights: hidden 256, 6 layers, 8 heads over 4; vision 6 layers of 256, patch 16, merge 2, DeepStack."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "policies"))
    from tiny_models import tiny_config, write_tiny_model

    config = tiny_config("qwen3_vl", vocab_size=2560)
    text, vision = config.text_config, config.vision_config
    text.hidden_size, text.intermediate_size, text.num_hidden_layers = 256, 768, 6
    text.num_attention_heads, text.num_key_value_heads, text.head_dim = 8, 4, 32
    text.rope_parameters["mrope_section"] = [6, 5, 5]
    vision.hidden_size, vision.intermediate_size, vision.depth, vision.num_heads = 256, 768, 6, 8
    vision.out_hidden_size, vision.patch_size, vision.num_position_embeddings = 256, 16, 196
    vision.deepstack_visual_indexes = [1, 3]
    loaded = load_model(write_tiny_model(folder, "qwen3_vl", config=config))
    with torch.no_grad():  # sampled turns must run to their fixed lengths: the stop token never wins
        for parameter in loaded.model.parameters():
            if parameter.ndim > 1:
                parameter.mul_(0.1)
        loaded.model.lm_head.weight[loaded.chat.stop_id] = 0
    return loaded


def engine_kept(loaded: LoadedModel, load: Load) -> None:
    """Every rollout one conversation, at its own pace."""
    policy = TransformersPolicy(loaded, EngineConfig(num_slots=load.num_rollouts))

    async def rollout(index: int) -> None:
        session = policy.open(seed=index, sampling=SamplingParams())
        for turn in range(load.num_turns):
            session.sampling = SamplingParams(max_tokens=load.length(index, turn))
            await session.respond(load.observation(index, turn))
        await session.close()

    asyncio.run(_all(policy, [rollout(index) for index in range(load.num_rollouts)]))


def engine_anew(loaded: LoadedModel, load: Load) -> None:
    """Every turn a conversation of its own that begins with all that was said; nothing encoded is kept."""
    policy = TransformersPolicy(loaded, EngineConfig(num_slots=load.num_rollouts, feature_cache_bytes=0))

    async def rollout(index: int) -> None:
        messages: tuple[Message, ...] = ()
        images: tuple[ImageView, ...] = ()
        for turn in range(load.num_turns):
            observation = load.observation(index, turn)
            messages, images = messages + observation.messages, images + observation.images
            session = policy.open(seed=index, sampling=SamplingParams(max_tokens=load.length(index, turn)))
            completion = await session.respond(Observation(messages=messages, images=images))
            await session.close()
            messages += (Message(Role.ASSISTANT, (TextPart(completion.text),)),)

    asyncio.run(_all(policy, [rollout(index) for index in range(load.num_rollouts)]))


async def _all(policy: TransformersPolicy, rollouts: list[Coroutine[None, None, None]]) -> None:
    await asyncio.gather(*rollouts)
    await policy.close()


def generate_in_lock_step(loaded: LoadedModel, load: Load) -> None:
    """`model.generate` over the whole batch, once a turn; a rollout stops at its length, the batch at the longest."""
    from transformers import StoppingCriteria

    class AtOwnLength(StoppingCriteria):
        def __init__(self, prompt: int, lengths: list[int]) -> None:
            self.prompt, self.lengths = prompt, torch.tensor(lengths)

        def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor, **kwargs: object) -> torch.Tensor:
            return input_ids.shape[1] - self.prompt >= self.lengths

    conversations: list[list[int]] = [[] for _ in range(load.num_rollouts)]
    pixels: list[list[torch.Tensor]] = [[] for _ in range(load.num_rollouts)]
    grids: list[list[tuple[int, int, int]]] = [[] for _ in range(load.num_rollouts)]
    for turn in range(load.num_turns):
        for index, ids in enumerate(conversations):
            observation = load.observation(index, turn)
            image = observation.images[0].pixels
            grid = loaded.images.grid(image.size)
            ids += loaded.chat.context(
                observation.messages, {turn + 1: loaded.images.num_tokens(grid)}, first=turn == 0, unclosed=turn > 0
            )
            pixels[index].append(patchify(image, loaded.images))
            grids[index].append(grid)
        longest = max(map(len, conversations))
        batch = torch.tensor([[0] * (longest - len(ids)) + ids for ids in conversations])
        mask = torch.tensor([[0] * (longest - len(ids)) + [1] * len(ids) for ids in conversations])
        lengths = [load.length(index, turn) for index in range(load.num_rollouts)]
        with torch.inference_mode():
            output = loaded.model.generate(
                input_ids=batch,
                attention_mask=mask,
                mm_token_type_ids=(batch == loaded.chat.image_id).int(),
                pixel_values=torch.cat([patch for row in pixels for patch in row]),
                image_grid_thw=torch.tensor([grid for row in grids for grid in row]),
                do_sample=False,
                max_new_tokens=max(lengths),
                eos_token_id=loaded.chat.stop_id,
                pad_token_id=0,
                suppress_tokens=[loaded.chat.stop_id, *loaded.chat.banned(2560)],
                stopping_criteria=[AtOwnLength(longest, lengths)],
            )
        for index, ids in enumerate(conversations):
            ids += output[index, longest : longest + lengths[index]].tolist()


def compare(title: str, ours: Callable[[], None], other: Callable[[], None], num_rollouts: int, repeats: int) -> None:
    """Time both in turn (A B A B ...); print the ratio of medians, by the wall clock and by processor time (which other
    programs on the machine disturb less), and the spread of the single ratios.
    """
    print(title)
    runs = [(_time(ours), _time(other)) for _ in range(repeats)]
    for index, clock in enumerate(("wall clock", "processor")):
        mine, theirs = (median(run[side][index] for run in runs) for side in (0, 1))
        ratios = [run[1][index] / run[0][index] for run in runs]
        print(
            f"  {clock}: engine {num_rollouts / mine:.2f} rollouts/s, other {num_rollouts / theirs:.2f} rollouts/s: "
            f"{theirs / mine:.1f}x (single repeats {min(ratios):.1f} to {max(ratios):.1f})",
            flush=True,
        )


def _time(run: Callable[[], None]) -> tuple[float, float]:
    """Seconds by the wall clock, and of processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - wall, time.process_time() - processor


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--repeats", type=int)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    warnings.simplefilter("ignore")
    repeats = args.repeats or (1 if args.quick else 3)
    num_rollouts = 8 if args.quick else 32
    print(f"{platform.machine()}, {os.cpu_count()} cores, {args.threads} threads, torch {torch.__version__}")
    with tempfile.TemporaryDirectory() as folder:
        loaded = nano_shaped_model(Path(folder))
        warm = Load(num_rollouts=2, num_turns=2)
        for run in (engine_kept, engine_anew, generate_in_lock_step):
            run(loaded, warm)
        load = Load(num_rollouts=num_rollouts, num_turns=8)
        compare(
            f"A. kept, against prefilled anew each turn ({num_rollouts} rollouts of 8 turns)",
            lambda: engine_kept(loaded, load),
            lambda: engine_anew(loaded, load),
            num_rollouts,
            repeats,
        )
        compare(
            f"B. engine, against generate in lock step ({num_rollouts} rollouts of 8 turns)",
            lambda: engine_kept(loaded, load),
            lambda: generate_in_lock_step(loaded, load),
            num_rollouts,
            repeats,
        )


if __name__ == "__main__":
    main()
