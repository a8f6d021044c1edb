"""Official JSON, honest and hostile, into datasets and rollout files."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from PIL import Image

from vilasr.data import read_dataset
from vilasr.drawing import load_image
from vilasr.errors import InputError
from vilasr.integrations import import_official
from vilasr.integrations.staging import staged_folder
from vilasr.rollout import read_rollouts
from vilasr.types import AnswerType, Box, ImagePart, Role, TextPart

ROW = {
    "question": "Which is nearer?",
    "options": ["A. chair", "B. lamp"],
    "answer": "B",
    "problem_type": "multiple choice",
    "image_path": ["a.png", "./sub/b.png"],
}
DRAW = (
    "<think>The chair.</think> Action: Object Mapper\n```json\n"
    '[{"index": 1, "bbox_2d": [4, 4, 20, 20], "label": "chair"}]\n```'
)
ANSWER = "<think>So.</think> Action: Answer\n<answer> B </answer>"
TALK = {
    "conversations": [
        {"role": "system", "content": "You can draw."},
        {"role": "user", "content": "<image>The index is 1.\n### Question:\nWhere?\n\nBegin your reasoning."},
        {"role": "assistant", "content": DRAW},
        {"role": "user", "content": "<image>The index of the given image is 2. Continue."},
        {"role": "assistant", "content": ANSWER},
    ],
    "images": ["./a.png", "sub/b.png"],
}


def without(row, key):
    return {name: value for name, value in row.items() if name != key}


def changed(talk, place, content):
    messages = [dict(message) for message in talk["conversations"]]
    messages[place]["content"] = content
    return talk | {"conversations": messages}


# --- questions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("as_lines", [False, True])
def test_questions_become_a_dataset_with_its_images_inside(take, pictures, as_lines):
    done, rejected = take([ROW, ROW | {"image_path": "a.png", "answer": "A"}], as_lines=as_lines)
    assert (done.kind, done.num_rows, done.num_imported, done.rejected, rejected) == ("samples", 2, 2, {}, {})
    info, samples = read_dataset(done.path)
    one, two = samples
    assert (info.name, info.num) == ("official", 2)
    assert (one.id, one.options, one.answer, len(one.images)) == ("official/1", ("chair", "lamp"), "B", 2)
    assert (two.id, two.answer, len(two.images)) == ("official/2", "A", 1)
    assert one.images[0] == two.images[0]
    assert load_image(one.images[1]).tobytes() == load_image(pictures / "sub" / "b.png").tobytes()
    assert len(list((done.path / "images").iterdir())) == 2
    assert "| multiple choice | 2 |" in (done.path / "README.md").read_text()


HOSTILE = {
    "absolute path": (ROW | {"image_path": ["/etc/passwd"]}, "image_path: expected a path inside the folder"),
    "windows path": (ROW | {"image_path": ["C:\\a.png"]}, "image_path: expected a path inside the folder"),
    "network path": (ROW | {"image_path": ["\\\\host\\a.png"]}, "image_path: expected a path inside the folder"),
    "parent": (ROW | {"image_path": ["../secret.png"]}, "image_path: expected a path without '..'"),
    "parent within": (ROW | {"image_path": ["sub/../../secret.png"]}, "image_path: expected a path without '..'"),
    "backslash parent": (ROW | {"image_path": ["..\\secret.png"]}, "image_path: expected a path without '..'"),
    "link": (ROW | {"image_path": ["link.png"]}, "image_path: 'link.png' is a link that leaves the folder"),
    "zero byte": (ROW | {"image_path": ["a\0.png"]}, "image_path: expected a path inside the folder"),
    "long name": (ROW | {"image_path": ["x" * 9999]}, "image_path: no such file: 'xxx"),
    "missing file": (ROW | {"image_path": ["c.png"]}, "image_path: no such file: 'c.png'"),
    "folder": (ROW | {"image_path": ["sub"]}, "sub: expected an image file; got a folder"),
    "text": (ROW | {"image_path": ["text.png"]}, "text.png: expected an image"),
    "number": (ROW | {"image_path": [3]}, "image_path: expected text; got 3"),
    "no image": (ROW | {"image_path": []}, "image_path: expected at least one image; got none"),
    "no field": (without(ROW, "image_path"), "image_path: no such field"),
    "no question": (without(ROW, "question"), "question: no such field"),
    "wrong type": (ROW | {"answer": {"A": 1}}, "answer: expected text; got {'A': 1}"),
    "type": (ROW | {"original_question_type": "x\ud800"}, "original_question_type: expected Unicode text; got half"),
    "list": ([ROW], "not an object: list"),
    "text row": ("x", "not an object: str"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_row_is_rejected_and_the_others_are_imported(take, name):
    row, reason = HOSTILE[name]
    done, rejected = take([ROW, row, ROW])
    assert done.num_imported == 2
    assert list(rejected) == [2]
    assert reason in rejected[2]
    assert rejected[2].partition(":")[0] in (
        *("image_path", "question", "answer", "original_question_type", "not an object"),
    )
    assert [sample.id for sample in read_dataset(done.path)[1]] == ["official/1", "official/3"]
    lines = (done.path / "rejected.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"row": 2, "reason": rejected[2]}]


def test_bytes_that_are_no_json_are_rejected_line_by_line(take):
    good = json.dumps(ROW).encode()
    broken = [b'{"question": "\xff"}', b'{"question": NaN}', b'{"question": "cut', b"x" * 5_000_000]
    done, rejected = take(b"\n".join([good, *broken, good]))
    assert done.num_imported == 2
    assert {number: reason[:11] for number, reason in rejected.items()} == {
        2: "not UTF-8: ",
        3: "not JSON: N",
        4: "not JSON: U",
        5: "too long: 5",
    }
    assert done.rejected == {"not UTF-8": 1, "not JSON": 2, "too long": 1}


@pytest.mark.parametrize("depth", [100, 900, 950, 980, 1000, 100_000])
def test_a_row_nested_however_deeply_is_imported_or_rejected(take, depth):
    deep = json.dumps(ROW | {"x": 0}).replace('"x": 0', f'"x": {"[" * depth}{"]" * depth}').encode()
    done, rejected = take(b"\n".join([deep, json.dumps(ROW).encode()]))
    assert set(rejected) <= {1}
    assert done.num_imported + len(rejected) == 2
    assert len(list(read_dataset(done.path)[1])) == done.num_imported


def test_an_id_of_ours_that_comes_twice_is_rejected(take):
    extra = json.dumps({"id": "maze/train/0/1", "task": "maze", "metadata": {}})
    done, rejected = take([ROW | {"vilasr": extra}] * 2)
    assert done.num_imported == 1
    assert rejected == {2: "id: 'maze/train/0/1' is there twice"}


def test_a_thousand_rows_and_one_make_two_shards(take):
    done, _ = take([ROW] * 1001)
    assert sorted(path.name for path in (done.path / "data").iterdir()) == ["00000.parquet", "00001.parquet"]
    assert read_dataset(done.path)[0].num == 1001
    assert len({sample.id for sample in read_dataset(done.path)[1]}) == 1001


@pytest.mark.parametrize(
    ("rows", "got"),
    [
        (b"", "got no row"),
        (b"[]", "got no row"),
        (b"\n{}\n{}", "got 2 rows, all rejected; row 2: image_path: no such field"),
        (b'{"rows": [1]}', "got 1 row, all rejected; row 1: image_path: no such field"),
    ],
)
def test_a_file_without_a_good_row_is_an_error_and_leaves_nothing(take, tmp_path, rows, got):
    with pytest.raises(InputError) as error:
        take(rows)
    assert got in str(error.value)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))


@pytest.mark.parametrize("name", ["", "..", "../../evil", "/evil", "a\\b", "a\0b", "a\nb"])
def test_a_name_that_no_file_can_have_is_refused(name, pictures, tmp_path):
    def told(*_):
        raise AssertionError("no row is read")

    with pytest.raises(InputError, match=r"name of what is imported: expected a name .* Give another with --name\."):
        import_official(
            io.BytesIO(json.dumps(ROW).encode()), pictures, tmp_path / "out", name=name, on_row=told, on_rejected=told
        )
    assert not (tmp_path / "out").exists()


def test_text_of_strangers_is_no_markup_in_the_card(take):
    kinds = ["| a\n# evil | <script>x</script>", "|\n|", "near"]
    done, _ = take([ROW | {"original_question_type": kind} for kind in kinds], name="[my](x) `mazes`")
    card = (done.path / "README.md").read_text()
    assert "\n# my x mazes\n" in card
    assert card.endswith("|---|---|\n| a evil script x script | 1 |\n| near | 1 |\n| other | 1 |\n")
    assert [sample.metadata["question_type"] for sample in read_dataset(done.path)[1]] == kinds


def test_the_card_lists_a_hundred_types_and_counts_the_rest(take):
    done, _ = take([ROW | {"original_question_type": f"kind {number % 120:03d}"} for number in range(240)])
    lines = (done.path / "README.md").read_text().splitlines()
    counts = [line for line in lines if line.startswith(("| kind", "| other"))]
    assert counts == [*(f"| kind {number:03d} | 2 |" for number in range(100)), "| other | 40 |"]


def test_the_folder_of_images_must_be_there(take, tmp_path):
    with pytest.raises(InputError, match="expected the folder that image paths start from; got no such folder"):
        take([ROW], images=tmp_path / "nowhere")


# --- conversations ----------------------------------------------------------------------------------------------------


def test_a_conversation_becomes_a_rollout_with_its_marks(take):
    done, rejected = take([TALK])
    assert rejected == {}
    assert (done.kind, done.path.name) == ("rollouts", "rollouts.jsonl")
    header, (rollout,) = (part if number == 0 else list(part) for number, part in enumerate(read_rollouts(done.path)))
    assert (header.protocol, header.style, header.drawing) == ("vilasr", "published", True)
    sample = rollout.sample
    assert (sample.question, sample.answer, sample.answer_type) == ("Where?", "B", AnswerType.CHOICE)
    assert (sample.id, sample.task, len(sample.images)) == ("official/1", "imported-official", 1)
    box = Box(image_index=1, box_px=(4, 4, 20, 20), label="chair")
    assert rollout.actions == (box,)
    assert rollout.images[1].instances == (box,)
    assert rollout.answer == "B"
    assert [turn.text for turn in rollout.turns] == [DRAW, ANSWER]
    assert rollout.turns[0].context[0].role is Role.SYSTEM
    assert rollout.turns[1].context[0].parts == (
        ImagePart(2),
        TextPart("The index of the given image is 2. Continue."),
    )


def test_the_other_usual_names_of_roles_are_known(take):
    names = {"system": "system", "user": "human", "assistant": "gpt"}
    messages = [{"from": names[entry["role"]], "value": entry["content"]} for entry in TALK["conversations"]]
    done, _ = take([TALK | {"conversations": messages}])
    assert done.num_imported == 1


REFUSED = {
    "too few images": (TALK | {"images": ["a.png"]}, "images: expected one for each <image>, 2; got 1"),
    "no image at first": (
        changed(changed(TALK, 1, "Where?"), 3, "<image><image>"),
        "conversations: expected an image before the first reply",
    ),
    "no messages": (TALK | {"conversations": []}, "conversations: expected a list of messages; got []"),
    "message": (TALK | {"conversations": ["x"]}, "conversations: expected objects; got 'x'"),
    "role": (
        TALK | {"conversations": [{"role": "tool", "content": ""}]},
        "conversations: expected a role of human, gpt, system, user, assistant; got 'tool'",
    ),
    "content": (TALK | {"conversations": [{"role": "user", "content": ["x"]}]}, "content: expected text; got ['x']"),
    "no reply": (
        {"conversations": TALK["conversations"][:4], "images": TALK["images"]},
        "conversations: expected a reply at the end; got none",
    ),
    "reply first": (
        TALK | {"conversations": TALK["conversations"][2:3] + TALK["conversations"]},
        "conversations: expected each reply after a user message",
    ),
    "off the image": (
        changed(TALK, 2, DRAW.replace("[4, 4, 20, 20]", "[4, 4, 200, 20]")),
        "conversations: expected reply 1 to give 1 images; got 0 drawn images (bbox_2d must satisfy",
    ),
    "one more image": (
        changed(TALK, 3, "<image><image>") | {"images": ["a.png"] * 3},
        "conversations: expected reply 1 to give 2 images; got 1 drawn images",
    ),
    "early answer": (changed(TALK, 2, ANSWER), "conversations: expected reply 1 to give 1 images; got the end"),
    "no answer": (changed(TALK, 4, "Well."), "conversations: expected an answer at the end; got none (A reply must"),
    "outside": (TALK | {"images": ["../secret.png", "a.png"]}, "images: expected a path without '..'"),
    "question": (ROW, "conversations: expected some, as in the rows before; got a question"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_conversation_that_does_not_hold_together_is_rejected(take, name):
    row, reason = REFUSED[name]
    done, rejected = take([TALK, row, TALK])
    assert done.num_imported == 2
    assert rejected[2].startswith(reason)


TRUTH = {
    "id": "x",
    "task": "maze",
    "metadata": {},
    "question": "Where?",
    "options": ["y", "z"],
    "answer": "A",
    "answer_type": "choice",
    "protocol": "vilasr",
    "style": "published",
    "drawing": True,
    "sibling": 0,
    "learn": [False, True],
}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"protocol": "klingon"}, "vilasr: protocol: expected one of vilasr, compact, json; got 'klingon'"),
        ({"style": "klingon"}, "vilasr: "),
        ({"drawing": 1}, "vilasr: expected drawing to be true or false; got 1"),
        ({"style": "default"}, "vilasr: expected Speech("),
        ({"learn": [True]}, "vilasr: expected learn to be true or false for each reply; got [True]"),
        ({"sibling": -1}, "vilasr: expected sibling to be a whole number from 0; got -1"),
        ({"answer_type": "essay"}, "vilasr: expected answer_type and options; got 'essay'"),
        ({"options": [3]}, "options: expected text; got 3"),
        ({"question": None}, "question: expected text; got None"),
        ({}, "id: 'x' is there twice"),
    ],
)
def test_what_an_export_of_ours_should_say_is_checked(take, changes, reason):
    rows = [TALK | {"vilasr": json.dumps(TRUTH | more)} for more in ({}, changes, {"sibling": 1})]
    done, rejected = take(rows)
    assert done.num_imported == 2
    assert rejected[2].startswith(reason)
    first, second = read_rollouts(done.path)[1]
    assert (first.sample.id, first.sample.options, first.sample.answer) == ("x", ("y", "z"), "A")
    assert [turn.learn for turn in first.turns] == [False, True]
    assert second.sibling == 1


def test_pictures_that_would_be_scaled_are_rejected_with_their_numbers(take, pictures):
    Image.new("RGB", (2100, 20)).save(pictures / "wide.png")
    _, rejected = take([TALK | {"images": ["wide.png", "a.png"]}, TALK])
    assert rejected == {1: "images: expected sides of at most 2048 pixels; got more"}


def test_conversations_in_a_file_of_questions_are_rejected(take):
    done, rejected = take([ROW, TALK])
    assert (done.kind, done.num_imported) == ("samples", 1)
    assert rejected == {2: "question: expected one, as in the rows before; got conversations"}


# --- the folder -------------------------------------------------------------------------------------------------------


def test_a_folder_with_files_or_a_file_is_left_alone(take, tmp_path):
    (tmp_path / "out").mkdir()
    take([ROW])  # an empty folder is as good as none
    before = sorted(tmp_path.joinpath("out").rglob("*"))
    with pytest.raises(InputError, match="out: expected a new folder; got one with files in it"):
        take([ROW])
    assert sorted(tmp_path.joinpath("out").rglob("*")) == before
    with pytest.raises(InputError, match="expected a new folder; got a file"), staged_folder(tmp_path / "secret.png"):
        pass


def test_a_run_that_fails_leaves_nothing_and_a_killed_one_is_cleared(tmp_path):
    leftover = tmp_path / ".out.part" / "images"
    leftover.mkdir(parents=True)

    def interrupted():
        with staged_folder(tmp_path / "out") as folder:
            assert list(folder.iterdir()) == []
            (folder / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list(tmp_path.iterdir()) == []


def test_two_runs_do_not_write_one_folder(tmp_path):
    with (
        staged_folder(tmp_path / "out"),
        pytest.raises(InputError, match="got another run that is writing it"),
        staged_folder(tmp_path / "out"),
    ):
        pass
    assert (tmp_path / "out").is_dir()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, pictures):
    class FillsTheDisk:
        """After the first row every file that is written to lies on a full disk."""

        def __init__(self):
            self.rows = [json.dumps(ROW).encode() + b"\n"]

        def read(self, size):
            if self.rows:
                return self.rows.pop()
            shards = tmp_path / ".out.part" / "data"
            shards.rmdir()
            shards.symlink_to("/dev/full")
            return b""

    with pytest.raises(InputError, match="out: expected a folder that can be written"):
        import_official(
            FillsTheDisk(), pictures, tmp_path / "out", name="x", on_row=lambda: None, on_rejected=lambda *_: None
        )
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / ".out.part").exists()
