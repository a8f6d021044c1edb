"""Tiny files in the original layouts of the published benchmarks, with pictures of one colour and videos of three
frames."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

sys.path.append(str(Path(__file__).parents[1] / "data"))

LETTERED = ["A. bed", "B. lamp", "C. door", "D. sink"]


def picture(colour="red", size=(40, 30)):
    """The bytes of a PNG."""
    buffer = io.BytesIO()
    Image.new("RGB", size, colour).save(buffer, format="PNG")
    return buffer.getvalue()


def vsi_row(number, question_type="object_counting", **changes):
    numeric = question_type.endswith(("counting", "abs_distance", "estimation"))
    row = {
        "id": number,
        "dataset": "scannet",
        "scene_name": f"scene{number % 2}",
        "question_type": question_type,
        "question": "How many chairs are there?" if numeric else "Which is nearest to the sofa?",
        "options": None if numeric else LETTERED,
        "ground_truth": "4" if numeric else "B",
    }
    return row | changes


def spar_row(number, task="depth_prediction_oc", **changes):
    answers = {"depth_prediction_oc": "1.5", "view_change_infer": "move_right:0.3,rotate_up:10"}
    questions = {
        "depth_prediction_oc": "How deep is the bed? Answer using a single number and nothing else.",
        "view_change_infer": "How did the camera move?",
    }
    choice = "Which is closer?\nA. bed\nB. lamp\nYour answer can only include one of options A, B, C or D."
    row = {
        "id": number,
        "img_type": "single_view",
        "format_type": "fill",
        "task": task,
        "source": "scannet",
        "image": [{"bytes": picture(), "path": None}],
        "question": questions.get(task, choice),
        "answer": answers.get(task, "B"),
    }
    return row | changes


def mmsi_row(number, question_type="Motion (Cam.)", **changes):
    row = {
        "id": number,
        "images": [picture("red"), picture("blue")],
        "question_type": question_type,
        "question": "In which direction do you move?\nOptions: A: Left, B: Right while turning, C: Up, D: Down",
        "answer": "C",
        "thought": "The lamp moves down.",
    }
    return row | changes


def spatialeval_row(number, part="spatialreal", **changes):
    row = {
        "id": f"{part}.vqa.{number}.0",
        "text": "How many cups are there? Available options:\nA. one\nB. two\nC. three\nD. four.",
        "image": {"bytes": picture("green"), "path": "0.png"},
        "oracle_answer": "two",
        "oracle_option": "B",
        "oracle_full_answer": "B. two",
    }
    return row | changes


def unified_row(**changes):
    row = {
        "question": "How many chairs are there?",
        "options": None,
        "answer": "4",
        "problem_type": "regression",
        "original_question_type": "object_counting",
        "data_type": "multi_view",
        "image_path": ["frames/0.png", "frames/1.png"],
        "grid_size": None,
    }
    return row | changes


def write_rows(path, rows):
    """As parquet, JSONL or a JSON list, by the name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(list(rows)), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        path.write_text(json.dumps(list(rows)))
    return path


def write_vsi(folder, rows, *, num_frames=3):
    """A folder with test.jsonl and the videos of scannet/scene0 and scene1."""
    from video_files import write_video

    write_rows(folder / "test.jsonl", rows)
    (folder / "scannet").mkdir(exist_ok=True)
    for scene in ("scene0", "scene1"):
        write_video(folder / "scannet" / f"{scene}.mp4", num_frames=num_frames)
    return folder
