"""A second auxiliary loss for a model trained from nothing: what stands in the text, it should look up, not guess.

Two kinds of heads make copying possible (the "induction" pair of Olsson et al. 2022), and a small model can take
thousands of steps to find them. Both are told what to do, as in `vilasr.training.pointing`: in an early layer, three
heads look one, two and three tokens back; in a late layer, heads look wherever the number that comes next already
stands in the text, or at the place or the option of the letter that is concluded; in the layer before that, where the
move with the present number says its direction, or at the last mark that was drawn, while the next one is named. Words
for things and colours are copied like numbers: out of the question, and into the label of a box.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import torch

from vilasr.training.taps import SpanTap
from vilasr.training.words import ANSWER_WORDS, PLACES, WORDS

if TYPE_CHECKING:
    from vilasr.policies.transformers.chat import ChatTokens
    from vilasr.training.batch import Batch

MAX_QUERIES = 2048
"""Positions looked at in one batch, spread evenly: enough to learn from, few enough to be cheap."""
FORMS = WORDS | {place: place for place in PLACES}
NAMES = tuple(dict.fromkeys(FORMS.values()))
FIRST_NUMBER, FIRST_WORD = 100, 2000
"""Kinds of tokens: from 1 on ANSWER_WORDS, then numbers of up to three digits, then NAMES."""
_PLACE = re.compile(r"\b([A-Z]) \[$")
_BOX = re.compile(r"([A-Z])\b")
_ANSWER = re.compile(r"(^|: )([A-Z])\.(?!\w)")
_OPTION = re.compile(r"\n([A-Z])\.(?: \w+)? ?$")
_ANSWER_WORD = re.compile(rf" ?({'|'.join(ANSWER_WORDS)})\b")


NUM_HEADS = 6
"""Heads that a model must have for `CopyReader.taps`."""


class CopyReader:
    """Finds in token ids what could be copied: numbers, words of direction, FORMS; each is a class of tokens."""

    def __init__(self, chat: ChatTokens, *, vocab_size: int) -> None:
        self._image_id = chat.image_id
        self._kind = torch.zeros(vocab_size, dtype=torch.long)
        self._opens_end = torch.zeros(vocab_size, dtype=torch.bool)
        self._opens_answer = torch.zeros(vocab_size, dtype=torch.bool)
        self._opens_label = torch.zeros(vocab_size, dtype=torch.bool)
        self._opens_next = torch.zeros(vocab_size, dtype=torch.bool)
        self._concludes = torch.zeros(vocab_size, dtype=torch.bool)
        self._concludes_itself = torch.zeros(vocab_size, dtype=torch.bool)
        self._place_letter = torch.zeros(vocab_size, dtype=torch.long)
        self._opens_box = torch.zeros(vocab_size, dtype=torch.bool)
        self._box_letter = torch.zeros(vocab_size, dtype=torch.long)
        self._answer_letter = torch.zeros(vocab_size, dtype=torch.long)
        self._option_letter = torch.zeros(vocab_size, dtype=torch.long)
        self._ends_line = torch.zeros(vocab_size, dtype=torch.bool)
        for token in range(min(vocab_size, chat.num_tokens)):
            text = chat.text([token])
            self._opens_end[token] = text.endswith('"end_point_2d": [')
            self._opens_answer[token] = text.endswith("<answer>")
            self._opens_label[token] = text.endswith('"label": "')
            self._opens_next[token] = text.endswith("Next ")
            self._concludes[token] = text.endswith((" is ", ": "))
            if place := _PLACE.search(text):
                self._place_letter[token] = ord(place[1])
            self._opens_box[token] = text.endswith("box ")
            if box := _BOX.match(text):
                self._box_letter[token] = ord(box[1])
            if answer := _ANSWER.search(text):
                self._answer_letter[token] = ord(answer[2])
                self._concludes_itself[token] = bool(answer[1])
            if text.isascii() and text.isdecimal():
                self._kind[token] = FIRST_NUMBER + int(text)
            elif text in FORMS:
                self._kind[token] = FIRST_WORD + NAMES.index(FORMS[text])
            elif found := _ANSWER_WORD.match(text):
                self._kind[token] = ANSWER_WORDS.index(found[1]) + 1
            if option := _OPTION.search(text):
                self._option_letter[token] = ord(option[1])
            self._ends_line[token] = "\n" in text

    def taps(self, batch: Batch, *, early_layer: int, late_layer: int) -> tuple[SpanTap, ...]:
        """What to look at: one, two and three tokens back; the move that a line draws; the last mark before the next;
        the place of the answer; copies.

        Heads 0 to 2 of the early layer, heads 4 and 5 of the layer before the late one (two taps), heads 4 and 5 of the
        late one, heads 2 and 3 of the late one.
        """
        ids, loss_mask = batch.ids.cpu(), batch.loss_mask.cpu()
        kinds = self._kind[ids]
        length = ids.shape[1]
        rows, places = _thinned(((kinds > 0) & (ids != self._image_id))[:, 3:].nonzero() + torch.tensor([0, 3]))
        back = [
            SpanTap(
                layer=early_layer,
                heads=slice(steps - 1, steps),
                rows=rows,
                queries=places,
                targets=torch.arange(length)[None] == (places - steps)[:, None],
            )
            for steps in (1, 2, 3)
        ]
        rows, places = _thinned((loss_mask & (kinds > 0)).nonzero())
        same = (kinds[rows] == kinds[rows, places][:, None]) & (torch.arange(length)[None] < places[:, None])
        same &= _told(ids, loss_mask, kinds, rows, places)
        known = same.any(1)
        copies = SpanTap(
            layer=late_layer,
            heads=slice(2, 4),
            rows=rows[known],
            queries=places[known] - 1,
            targets=same[known],
        )
        moves = self._moves(ids, loss_mask, kinds, layer=late_layer - 1)
        nexts = self._nexts(ids, loss_mask, kinds, layer=late_layer - 1)
        return (*back, moves, nexts, self._answers(ids, loss_mask, kinds, layer=late_layer), copies)

    def concluded(self, batch: Batch) -> torch.Tensor:
        """bool [B, L]: the trained tokens on which all else depends: those that conclude a letter, the "B." of "That is
        B.", those that answer, and the number with which a turn goes on, the "16" of "Next 16 up"."""
        ids, loss_mask = batch.ids.cpu(), batch.loss_mask.cpu()
        found = self._concluded(ids, loss_mask)
        found[:, 1:] |= (self._opens_answer | self._opens_next)[ids[:, :-1]] & loss_mask[:, 1:]
        return found

    def _concluded(self, ids: torch.Tensor, loss_mask: torch.Tensor) -> torch.Tensor:
        found = self._concludes_itself[ids]
        found[:, 1:] |= self._concludes[ids[:, :-1]]
        found[:, 0] = False
        return found & (self._answer_letter[ids] > 0) & loss_mask

    def _answers(self, ids: torch.Tensor, loss_mask: torch.Tensor, kinds: torch.Tensor, *, layer: int) -> SpanTap:
        """While a letter is concluded ("This is B.", "So, left: B."), look at the last number of its place,
        "B [82, 56", where it was said of a box, "in box B", and at the words of its option."""
        said = self._answer_letter[ids]
        rows, places = self._concluded(ids, loss_mask).nonzero().unbind(1)
        targets = torch.zeros((len(rows), ids.shape[1]), dtype=torch.bool)
        targets[:, 3:] = (self._place_letter[ids[rows]] == said[rows, places][:, None])[:, :-3]
        boxes = torch.zeros_like(loss_mask)
        boxes[:, 1:] = self._opens_box[ids[:, :-1]] & loss_mask[:, 1:]
        targets |= boxes[rows] & (self._box_letter[ids[rows]] == said[rows, places][:, None])
        options = self._options(ids).masked_fill((kinds == 0) | loss_mask, 0)
        targets |= options[rows] == said[rows, places][:, None]
        targets &= torch.arange(ids.shape[1])[None] < places[:, None]
        known = targets.any(1)
        return SpanTap(
            layer=layer, heads=slice(4, 6), rows=rows[known], queries=places[known] - 1, targets=targets[known]
        )

    def _options(self, ids: torch.Tensor) -> torch.Tensor:
        """int64 [B, L]: the letter of the option that a token stands in, on a line "B. ..."; 0 for none."""
        ends = self._ends_line[ids]
        begun = torch.where(ends, torch.arange(ids.shape[1]), -1).cummax(1).values
        letters = self._option_letter[ids.gather(1, begun.clamp(min=0))]
        return letters.masked_fill(ends | (begun < 0), 0)

    def _nexts(self, ids: torch.Tensor, loss_mask: torch.Tensor, kinds: torch.Tensor, *, layer: int) -> SpanTap:
        """While the next move is numbered ("Next 16"), look at the label of the last mark, "15"."""
        rows, queries = (self._opens_next[ids] & loss_mask).nonzero().unbind(1)
        labels = torch.zeros_like(loss_mask)
        labels[:, 1:] = self._opens_label[ids[:, :-1]] & (kinds[:, 1:] >= FIRST_NUMBER)
        places = torch.arange(ids.shape[1])
        last = (labels[rows] & (places < queries[:, None])).mul(places + 1).amax(1) - 1
        targets = places == last[:, None]
        known = last >= 0
        return SpanTap(layer=layer, heads=slice(4, 6), rows=rows[known], queries=queries[known], targets=targets[known])

    def _moves(self, ids: torch.Tensor, loss_mask: torch.Tensor, kinds: torch.Tensor, *, layer: int) -> SpanTap:
        """While the end of a line is written, look at the direction of the move that the line is labelled with.

        After the token that opens the end point come x, a comma, y, the token that opens the label, and the label.
        """
        opens = (self._opens_end[ids] & loss_mask)[:, : ids.shape[1] - 5]
        rows, starts = _thinned(opens.nonzero())
        label = ids[rows, starts + 5]
        rows, queries = rows.repeat(2), torch.cat([starts, starts + 2])
        earlier = torch.arange(ids.shape[1])[None] < queries[:, None]
        follows = torch.zeros_like(earlier)
        follows[:, 1:] = ids[rows, :-1] == label.repeat(2)[:, None]
        directions = (kinds[rows] > 0) & (kinds[rows] < FIRST_NUMBER)
        targets = earlier & follows & directions
        known = targets.any(1)
        return SpanTap(layer=layer, heads=slice(4, 6), rows=rows[known], queries=queries[known], targets=targets[known])


def _told(
    ids: torch.Tensor, loss_mask: torch.Tensor, kinds: torch.Tensor, rows: torch.Tensor, places: torch.Tensor
) -> torch.Tensor:
    """bool [N, L]: where what stands at `places` may have been told before. A move is looked up by its number, whose
    token it follows in the list of moves too; other answer words in what the policy has said, since a question names
    them all; numbers and names anywhere."""
    before = kinds[rows, places - 1]
    is_numbered = (before >= FIRST_NUMBER) & (before < FIRST_WORD)
    follows = torch.zeros((len(rows), ids.shape[1]), dtype=torch.bool)
    follows[:, 1:] = ids[rows, :-1] == ids[rows, places - 1][:, None]
    decides = kinds[rows, places] < FIRST_NUMBER
    return torch.where(is_numbered[:, None], follows, loss_mask[rows]) | ~decides[:, None]


def _thinned(found: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and places of at most about MAX_QUERIES of the positions found [N, 2]."""
    stride = max(1, len(found) // MAX_QUERIES)
    return found[::stride, 0], found[::stride, 1]
