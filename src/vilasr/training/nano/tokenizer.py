"""The embedded model's tokenizer: byte-level BPE in which an integer up to 999 is one token, and so are some words.

Numbers and words are cut out first; what is left is *not* split at spaces, so that the JSON scaffolding of a drawing
becomes a handful of tokens. Any text still encodes: every byte is in the vocabulary.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from vilasr.training.words import ANSWER_WORDS

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    Merge = tuple[str, str]

SPECIAL_TOKENS = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
)


NUMBER = "(?<!_)[0-9]{1,3}"
"""The digit of a JSON key ("bbox_2d") is no number; both numbers of a size ("192x128") are."""


def train_tokenizer(texts: Iterable[str], *, num_merges: int, words: Collection[str] = ()) -> Tokenizer:
    """Learn `num_merges` merges from `texts` with their numbers and `words` taken out, then add these: every number
    from 0 to 999, ANSWER_WORDS, and each word wherever it stands alone, whatever is before and after it.
    """
    taken_out = re.compile("|".join([NUMBER, *(rf"\b{re.escape(word)}\b" for word in _longest_first(words))]))
    learner = Tokenizer(models.BPE())
    learner.pre_tokenizer = _pre_tokenizer()
    trainer = trainers.BpeTrainer(
        vocab_size=256 + num_merges,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
        max_token_length=32,
    )
    learner.train_from_iterator((piece for text in texts for piece in taken_out.split(text) if piece), trainer)
    model = json.loads(learner.to_str())["model"]
    vocabulary, merges = _with_numbers(model["vocab"], [tuple(merge) for merge in model["merges"]])
    tokenizer = _with_answer_words(vocabulary, merges)
    tokenizer.add_special_tokens(list(SPECIAL_TOKENS))
    tokenizer.add_tokens([AddedToken(word, single_word=True, normalized=False) for word in _longest_first(words)])
    return tokenizer


def _longest_first(words: Collection[str]) -> list[str]:
    """ "table lamp" before "table"."""
    return sorted(words, key=lambda word: (-len(word), word))


def _with_numbers(vocabulary: dict[str, int], merges: list[Merge]) -> tuple[list[str], list[Merge]]:
    tokens = sorted(vocabulary, key=vocabulary.__getitem__)
    numbers = [str(number) for number in range(10, 1000)]
    known = {str(number) for number in range(100)}
    tokens += [number for number in numbers if number not in vocabulary]
    # "123" may first become "12" + "3" or "1" + "23", whichever pair is ranked higher: both ways lead on.
    for number in numbers:
        merges += [(number[:cut], number[cut:]) for cut in range(len(number) - 1, 0, -1) if number[cut:] in known]
    return tokens, merges


def _with_answer_words(tokens: list[str], merges: list[Merge]) -> Tokenizer:
    """What is left of each of ANSWER_WORDS, with a space before it and without, is merged from left to right."""
    tokenizer = _tokenizer(tokens, merges)
    for text in (before + word for before in (" ", "") for word in ANSWER_WORDS):
        first, *rest = tokenizer.encode(text).tokens
        for piece in rest:
            merges = [*merges, (first, piece)]
            first += piece
            tokens = tokens if first in tokens else [*tokens, first]
        tokenizer = _tokenizer(tokens, merges)
    return tokenizer


def _tokenizer(tokens: Sequence[str], merges: list[Merge]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = _pre_tokenizer()
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def _pre_tokenizer() -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(rf"{NUMBER}| ?\b(?:{'|'.join(ANSWER_WORDS)})\b"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
