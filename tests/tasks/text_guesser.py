"""Guessing answers from the words alone: how much do questions give away to a reader who never looks?

Run as a script for the figures of a task, or of the words that `check_samples.py --keep` kept:

    python tests/tasks/text_guesser.py static 5000
    python tests/tasks/text_guesser.py words.jsonl
"""

from __future__ import annotations

import itertools
import json
import re
import sys
import zlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from vilasr.types import AnswerType, Sample

_BUCKETS = 1 << 14


@dataclass(frozen=True, kw_only=True)
class Guessed:
    """Of one question type, shares of the held-out samples: `majority` always says the answer most frequent in
    training, `words` is logistic regression on hashed words and word pairs, `chance` is one over the options."""

    num: int
    chance: float
    majority: float
    words: float


def guess_choices(samples, *, folds=5, epochs=8, seed=0):
    """`Guessed` by question type, and under "all", for the CHOICE samples given; each is held out once."""
    choices = [sample for sample in samples if sample.answer_type is AnswerType.CHOICE]
    rows = defaultdict(list)
    for fold in range(folds):
        train = [sample for number, sample in enumerate(choices) if number % folds != fold]
        weights = _trained(train, epochs, seed)
        by_type = defaultdict(Counter)
        for sample in train:
            by_type[_kind(sample)][sample.answer] += 1
        for sample in choices[fold::folds]:
            scores = _scores(weights, sample)
            said = max(range(len(sample.options)), key=lambda number: scores[number])
            usual = by_type[_kind(sample)].most_common(1)
            is_usual = bool(usual) and usual[0][0] == sample.answer
            right = (1 / len(sample.options), is_usual, _letter(said) == sample.answer)
            rows[sample.metadata["question_type"]].append(right)
            rows["all"].append(right)
    return {
        name: Guessed(num=len(rights), chance=mean[0], majority=mean[1], words=mean[2])
        for name, rights in sorted(rows.items())
        for mean in [np.mean(np.array(rights, float), axis=0).tolist()]
    }


def guess_numbers(samples, score):
    """By question type, (num, mean score of always answering the training median) of the NUMBER samples."""
    numbers = [sample for sample in samples if sample.answer_type is AnswerType.NUMBER]
    num_train = round(len(numbers) * 0.8)
    usual = defaultdict(list)
    for sample in numbers[:num_train]:
        usual[sample.metadata["question_type"]].append(float(sample.answer))
    rows = defaultdict(list)
    for sample in numbers[num_train:]:
        kind = sample.metadata["question_type"]
        if usual[kind]:
            rows[kind].append(score(sample, f"{np.median(usual[kind]):g}").value)
    return {kind: (len(values), float(np.mean(values))) for kind, values in sorted(rows.items())}


def _kind(sample):
    return (sample.metadata["question_type"], len(sample.options))


def _letter(number):
    return chr(ord("A") + number)


def _features(sample):
    """One set of buckets for each option: its words, the question's, and which words of both meet.

    The score of an option is the sum of weights over its buckets; the same words under another letter are other
    buckets, so both "it is often B" and "it is often the chair" can be learned.
    """
    question = _words(sample.question)
    kind = sample.metadata["question_type"]
    sets = []
    for number, option in enumerate(sample.options):
        words = _words(option)
        others = [word for n, text in enumerate(sample.options) if n != number for word in _words(text)]
        names = [f"{kind} {_letter(number)}"]
        names += [f"{kind} letter {_letter(number)} {gram}" for gram in question + words]
        names += [f"{kind} option {gram}" for gram in words]
        names += [f"{kind} against {gram}" for gram in others]
        names += [f"{kind} {own} asked {gram}" for own in words for gram in question if " " not in gram]
        sets.append(np.array([zlib.crc32(name.encode()) % _BUCKETS for name in names]))
    return sets


def _words(text):
    """Words and pairs of neighbours."""
    words = re.findall(r"[a-z0-9]+", text.lower())
    return words + [f"{one} {other}" for one, other in itertools.pairwise(words)]


def _trained(samples, epochs, seed):
    """Weights of the log-linear choice, by AdaGrad over one sample at a time."""
    weights, squares = np.zeros(_BUCKETS), np.full(_BUCKETS, 1e-3)
    data = [(_features(sample), ord(sample.answer) - ord("A")) for sample in samples]
    order = np.random.default_rng(seed)
    for _ in range(epochs):
        for index in order.permutation(len(data)):
            sets, gold = data[index]
            chances = _softmax([weights[buckets].sum() for buckets in sets])
            for number, buckets in enumerate(sets):
                gradient = chances[number] - (number == gold)
                np.add.at(squares, buckets, gradient**2)
                np.subtract.at(weights, buckets, 0.05 * gradient / np.sqrt(squares[buckets]))
        weights *= 0.98
    return weights


def _scores(weights, sample):
    return [weights[buckets].sum() for buckets in _features(sample)]


def _softmax(scores):
    powers = np.exp(np.array(scores) - max(scores))
    return powers / powers.sum()


def _generated(name, num, options):
    from vilasr.tasks import task_named

    given = dict(option.split("=", 1) for option in options)
    return [task_named(name).generate("train", index, 11, given) for index in range(int(num))]


def _kept(path):
    """Samples without pictures, from lines of JSON."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield Sample(
            id=row["id"],
            task=row["id"].partition("/")[0],
            question=row["question"],
            images=(),
            options=tuple(row["options"]),
            answer=row["answer"],
            answer_type=AnswerType.CHOICE if row["options"] else AnswerType.NUMBER,
            metadata={"question_type": row["question_type"]},
        )


def main(name, num="0", *options):
    from vilasr.scoring import score_answer

    samples = list(_kept(Path(name))) if name.endswith(".jsonl") else _generated(name, num, options)
    print(f"{'type':<24}{'num':>6}{'chance':>9}{'majority':>9}{'words':>9}")
    for kind, found in guess_choices(samples).items():
        print(f"{kind:<24}{found.num:>6}{found.chance:>9.3f}{found.majority:>9.3f}{found.words:>9.3f}")
    for kind, (count, value) in guess_numbers(samples, score_answer).items():
        print(f"{kind:<24}{count:>6}  median answer scores {value:.3f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
