"""A task of lmms-eval that needs no network: generated mazes, in a folder for --include_path."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from PIL import Image

from vilasr.protocol import COMPACT, prompt_messages
from vilasr.tasks import task_named
from vilasr.types import TextPart

if TYPE_CHECKING:
    from pathlib import Path

    from vilasr.types import Sample

YAML = """\
task: tiny_maze
dataset_path: json
dataset_kwargs:
  data_files:
    test: {rows}
test_split: test
output_type: {output_type}
doc_to_visual: !function tiny_maze.doc_to_visual
doc_to_text: "{{{{question}}}}"
doc_to_choice: ["A", "B"]
doc_to_target: answer
process_results: !function tiny_maze.process_results
generation_kwargs:
  max_new_tokens: 16
  temperature: 0
  num_beams: 1
  do_sample: false
metric_list:
  - metric: accuracy
    aggregation: mean
    higher_is_better: true
"""
CODE = """\
from PIL import Image


def doc_to_visual(doc):
    return [Image.open(doc["image"]).convert("RGB")]


def process_results(doc, results):
    return {"accuracy": float(results[0] == doc["answer"])}
"""


def write_task(folder: Path, *, num: int, broken: int = 0, output_type: str = "generate_until") -> list[Sample]:
    """Write the task `tiny_maze`: the first `num` test mazes; the images of the last `broken` are none."""
    folder.mkdir()
    samples = [task_named("maze").generate("test", index, 0) for index in range(num)]
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as rows:
        for number, sample in enumerate(samples):
            image = folder / f"{number}.png"
            if number < num - broken:
                assert isinstance(sample.images[0], Image.Image)
                sample.images[0].save(image)
            else:
                image.write_bytes(b"no image")
            rows.write(json.dumps({"image": str(image), "question": asked(sample), "answer": sample.answer}) + "\n")
    task = YAML.format(rows=folder / "rows.jsonl", output_type=output_type)
    (folder / "tiny_maze.yaml").write_text(task, encoding="utf-8")
    (folder / "tiny_maze.py").write_text(CODE, encoding="utf-8")
    return samples


def asked(sample: Sample) -> str:
    """What our own prompt says after the image: the question, its options, the form of the answer."""
    last = prompt_messages(COMPACT, sample, model_sizes=[(28, 28)])[-1].parts[-1]
    assert isinstance(last, TextPart)
    return last.text.strip()
