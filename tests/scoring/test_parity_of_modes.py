"""Every metric mode equals an independent statement of its definition (restated.py), on 10,000 triples each."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from restated import MOVES, WORDS, Case, score

from vilasr.scoring import MODES, score_answer
from vilasr.types import AnswerType, Sample

OPTIONS = ("Apple", "red chair", "table", "left")
TASKS = ("vsi", "spar", "mmsi", "spatialeval")
NUM = 10_000


def choice_case(rng: random.Random, task: str) -> Case:
    said, other, truth = rng.choice("ABCD"), rng.choice("ABCD"), rng.choice("ABCD")
    own, others = OPTIONS["ABCD".index(said)], OPTIONS["ABCD".index(other)]
    both = said if said == other else None
    texts = {
        "": None,
        said: said,
        said.lower(): said,
        f" {said} \n": said,
        f"{said}.": said,
        f"({said})": said,
        f"[{said}]": said,
        f"{said})": said,
        f"Option {said}": said,
        f"option {said.lower()}.": said,
        f"`{said}`": said,
        f"``{said}``": said,
        f"{{{said}}}": said,
        f"**{said}**": said,
        f"\\boxed{{{said}}}": said,
        f"<answer>{said}</answer>": said,
        f"<answer> ({said}) </answer>": said,
        f"{other}? <answer>{said}": said,
        f"<answer>{said}</answer><answer>{other}</answer>": both,
        f"The answer is {said}.": said,
        f"The answer is {said.lower()}": said,
        f"Answer: ({said})": said,
        f"{said}. {own}": said,
        f"{said}) {own}": said,
        f"({said}) {own}": said,
        f"{said}. {others}": both,
        own: said,
        f"Apple is wrong, {said}": said,
        f"{said}, because it is near": said,
        f"{said} or {other}": both,
        f"It is {said}.\nNo, it is {other}.": both,
        f"Option {said}: {own}": said,
        f"- option {other}: {others}\n{said}": both,
        f"`{said}` and not `{other}`": None,
        f"A chair is near, so {said}": "A" if said == "A" else None,
        f"not {said}": None,
        f"{said}{other}": None,
        f"{said}-shaped": None,
        "Because": None,
        "Definitely": None,
        "three": None,
        "1,200": None,
        "5 to 6": None,
        "E": None,
        "(f)": None,
        chr(ord(said) - ord("A") + ord("\uff21")): said,
        "\n".join([f"{said} it is", *["Some more words"] * rng.randint(0, 7)]): said,
    }
    text = rng.choice(list(texts))
    return Case(task=task, kind="choice", text=text, truth=truth, meant=texts[text])


def number_case(rng: random.Random, task: str) -> Case:
    truth = rng.choice([0, 1, 2, 3, 4, 5, 8, 12, 20, 250, 1.5, 0.8, -5, round(rng.uniform(0.1, 30), 1)])
    near = abs(truth) * rng.choice([1, 0.5, 0.6, 0.75, 0.9, 1.1, 1.2, 1.25, 1.4, rng.uniform(0.3, 1.7)])
    said = round(near, rng.randint(0, 3)) if near else float(rng.choice([0, 0.1, 0.5, 2]))
    whole, other = int(said), round(abs(said) + rng.choice([0.5, 1, 2]), 1)
    word = rng.choice(WORDS)
    digits = "".join(chr(ord("\u0660") + int(digit)) for digit in str(whole))
    texts = {
        "": None,
        f"{said}": said,
        f"{said:g}": float(f"{said:g}"),
        f"{whole}.": whole,
        f"{said} meters": said,
        f"{said}m": said,
        f"{whole} m^2": whole,
        f"about {said}": said,
        f"It is {said}, I think.": said,
        f"**{said}**": said,
        f"<answer>{said}</answer>": said,
        f"<answer>{said} m</answer>": said,
        f"{other}, no. <answer>about {said}": said,
        f"-{whole}": -whole,
        f"+{whole}": whole,
        f"{whole}%": whole,
        f"${whole}": whole,
        f"{whole}e3": whole * 1000,
        f"{whole}E-2": whole / 100,
        f"{1000 + whole:,}": 1000 + whole,
        f".{whole + 1}": float(f"0.{whole + 1}"),
        f"{said} to {other}": None,
        f"{whole}-{whole + 1}": None,
        f"{said} or {other} m": None,
        word: WORDS.index(word),
        f"{word.capitalize()} chairs": WORDS.index(word),
        f"There are {word}.": WORDS.index(word),
        "twenty-one": 21,
        f"{digits} m": whole,
        f"m^{whole}": None,
        "1.2.3": None,
        "nan": None,
        "infinity": None,
        "1e999": None,
        "many": None,
        "Because": None,
        "(B)": None,
    }
    text = rng.choice(list(texts))
    meant = texts[text]
    kind = rng.choice(["number", "numbers"]) if task == "spar" else "number"
    return Case(task=task, kind=kind, text=text, truth=f"{truth}", meant=None if meant is None else float(meant))


def moves_case(rng: random.Random) -> Case:
    def some_moves() -> dict[str, float]:
        return {move: round(rng.uniform(0, 2), rng.randint(0, 2)) for move in rng.sample(MOVES, rng.randint(1, 5))}

    truth = some_moves()
    said = {move: round(amount * rng.choice([1, 1, 0.9, 1.3]), 2) for move, amount in truth.items()}
    if rng.random() < 0.3:
        said |= some_moves()
    items = [f"{move}:{amount}" for move, amount in said.items()]
    move = next(iter(said))
    spoken = [f"{name.replace('_', ' ').capitalize()}: {amount} m" for name, amount in said.items()]
    texts = {
        "": None,
        ",".join(items): said,
        ", ".join(items): said,
        f"<answer>{','.join(items)}</answer>": said,
        "; ".join(spoken) + ".": said,
        ",".join([*items, f"{move}:{said[move]}"]): said,
        ",".join([*items, f"{move}:{said[move] + 1}"]): None,
        ",".join([*items, "move_sideways:1"]): None,
        ",".join([*items, "and so on"]): None,
        ",".join(items).replace(":", " by "): said,
        f"{move}": None,
        f"{move}:1,200": None,
        f"{move}:far": None,
        f"{move}:1:2": None,
        f"{move}:1e999": None,
        "I cannot tell": None,
    }
    text = rng.choice(list(texts))
    gold = ",".join(f"{name}:{amount}" for name, amount in truth.items())
    return Case(task="spar", kind="moves", text=text, truth=gold, meant=texts[text])


def case_of(rng: random.Random) -> Case:
    task = rng.choice(TASKS)
    kind = rng.choice(["choice", "number", "moves"] if task == "spar" else ["choice", "number"])
    if kind == "moves":
        return moves_case(rng)
    return choice_case(rng, task) if kind == "choice" else number_case(rng, task)


def sample_of(case: Case) -> Sample:
    answer_types = {"choice": AnswerType.CHOICE, "moves": AnswerType.TEXT}
    question_types = {"choice": "position_matching", "number": "depth_prediction_oo", "moves": "view_change_infer"}
    return Sample(
        id="x",
        task=case.task,
        question="?",
        images=(Path("1.png"),),
        options=OPTIONS if case.kind == "choice" else (),
        answer=case.truth,
        answer_type=answer_types.get(case.kind, AnswerType.NUMBER),
        metadata={"question_type": question_types.get(case.kind, "depth_prediction_oo_mv")},
    )


@pytest.mark.parametrize("mode", MODES)
def test_a_mode_equals_the_independent_statement_of_its_definition(mode):
    rng = random.Random(mode)
    scores = []
    for _ in range(NUM):
        case = case_of(rng)
        made = score_answer(sample_of(case), case.text, mode=mode)
        assert made.value == pytest.approx(score(mode, case), abs=1e-12), (case, made)
        scores.append(made.value)
    assert 0.1 < sum(scores) / NUM < 0.6  # neither side is trivial
    assert sum(0 < value < 1 for value in scores) > NUM / 20
