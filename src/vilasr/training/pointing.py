"""An auxiliary loss for a model that learns to see from nothing: it should look at what it says a place of.

Left to itself, a small model spends thousands of samples on coordinates that are right on average before one attention
head happens to look at the visual token it speaks of. The token is known, so a few heads of one layer are told: the
positions that predict the numbers of a point or of a box should attend to the visual tokens that hold it. Points count
in the first turn, where they are read from the picture (later ones are copied); boxes wherever they are said in words,
on the image that the sentence names; a length is read off the boxes of the things that it is a length of, a name that
follows a box off that box, the letter of a box off its surroundings, and the image in which a named thing is found off
the thing. A pretrained model does not need this; its weight is zero by default.

Of several images, the one that is named must be told from the others: what holds a thing is found in any of them. So,
in an earlier layer, other heads may be told to look at names of images, "Image 3": visual tokens at the label of their
image, and the numbers of a box at the name that was said last (`naming_taps`).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate, chain
from typing import TYPE_CHECKING

import torch

from vilasr.training.measuring import found_in, lettered, measured, named_after
from vilasr.training.taps import SpanTap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vilasr.policies.transformers.chat import ChatTokens
    from vilasr.training.batch import Batch

_POINT, _BOX = 2, 4
_LABELLED_STRIDE = 4
"""Of the visual tokens of an image, one in so many is told to look at its label: they share their weights."""
_BADGE = 0.4
"""How far outside of a box its letter is drawn, in visual tokens."""
NAMING_HEADS = slice(4, 6)
"""Beside those of `vilasr.training.copying`, which takes the first three of an early layer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Said:
    """A point or box in words: where its bracket opens, its numbers, the image that it is on, and where that image's
    number was said, if it was."""

    start: int
    numbers: list[int]
    place: _Place
    name: int | None = None

    @property
    def queries(self) -> range:
        """What predicts the numbers: the bracket and the commas."""
        return range(self.start, self.start + 2 * len(self.numbers), 2)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Place:
    """Where an image is in a row: its first pad, and its rows and columns of visual tokens."""

    first: int
    height: int
    width: int

    def tokens(self, numbers: list[int], token_px: int) -> list[int]:
        """Ids' places of the visual tokens at a point, or in the inner half of a box each way."""
        x1, y1, x2, y2 = numbers if len(numbers) == _BOX else numbers * 2
        x_inset, y_inset = (x2 - x1) / 4, (y2 - y1) / 4
        return self._between(x1 + x_inset, y1 + y_inset, x2 - x_inset, y2 - y_inset, token_px)

    def around(self, numbers: list[int], token_px: int) -> list[int]:
        """Those of a box with its outline, and the letter outside of it."""
        x1, y1, x2, y2 = numbers
        out = _BADGE * token_px
        return self._between(max(0, x1 - out), max(0, y1 - out), x2 + out, y2 + out, token_px)

    def _between(self, x1: float, y1: float, x2: float, y2: float, token_px: int) -> list[int]:
        columns, lines = _covered(x1, x2, token_px, self.width), _covered(y1, y2, token_px, self.height)
        return [self.first + line * self.width + column for line in lines for column in columns]


def _covered(low: float, high: float, token_px: int, num: int) -> range:
    return range(min(int(low // token_px), num - 1), min(int(high // token_px), num - 1) + 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Row:
    """A row of a batch, on the host: int64 [L], bool [L], its images, and the points and boxes that it says."""

    index: int
    ids: torch.Tensor
    loss_mask: torch.Tensor
    places: list[_Place]
    said: tuple[_Said, ...]


class PointReader:
    """Finds points and boxes in token ids. Works for tokenizers in which a number up to 999 is one token."""

    def __init__(self, chat: ChatTokens, *, vocab_size: int, token_px: int) -> None:
        self._token_px = token_px
        self._image_id = chat.image_id
        self._number = torch.full((vocab_size,), -1)
        for number in range(1000):
            ids = chat.encode(str(number))
            if len(ids) == 1:
                self._number[ids[0]] = number
        texts = [chat.text([token]) for token in range(min(vocab_size, chat.num_tokens))]

        def where(wanted: list[bool]) -> torch.Tensor:
            found = torch.zeros(vocab_size, dtype=torch.bool)
            found[: len(wanted)] = torch.tensor(wanted)
            return found

        self._opens = where([text.endswith(" [") and '"' not in text for text in texts])
        self._texts = texts
        self._comma = where([text == ", " for text in texts])
        self._names_image = where([text.endswith("mage ") for text in texts])

    def tap(self, batch: Batch, *, layer: int, num_heads: int) -> SpanTap:
        """The tap for a batch whose images are in pixel coordinates of the model's size."""
        length = batch.ids.shape[1]
        rows: list[int] = []
        queries: list[int] = []
        targets: list[torch.Tensor] = []
        for row in self._rows(batch):
            for said in row.said:
                rows += [row.index] * len(said.numbers)
                queries += said.queries
                targets += [self._inside(said, length)] * len(said.numbers)
            for query, wanted in self._read_off(row):
                rows.append(row.index)
                queries.append(query)
                targets.append(wanted)
        return SpanTap(
            layer=layer,
            heads=slice(0, num_heads),
            rows=torch.tensor(rows, dtype=torch.long),
            queries=torch.tensor(queries, dtype=torch.long),
            targets=torch.stack(targets) if targets else torch.zeros((0, length), dtype=torch.bool),
        )

    def read(self, batch: Batch) -> torch.Tensor:
        """bool [B, L]: the trained tokens that are read off boxes: lengths, words of names, letters, images."""
        result = torch.zeros(batch.ids.shape, dtype=torch.bool)
        for row in self._rows(batch):
            for query, _ in self._read_off(row):
                result[row.index, query + 1] = True
        return result

    def naming_taps(self, batch: Batch, *, layer: int) -> tuple[SpanTap, SpanTap]:
        """Where there are several images: visual tokens look at their image's label; the numbers of a box look at the
        name of its image."""
        labels: list[tuple[int, int, int]] = []
        names: list[tuple[int, int, int]] = []
        for row in self._rows(batch):
            if len(row.places) < 2:
                continue
            is_label = self._names_image[row.ids[:-1]] & (self._number[row.ids[1:]] >= 0) & ~row.loss_mask[1:]
            for place in row.places:
                if before := is_label[: place.first].nonzero().squeeze(-1).tolist():
                    tokens = range(place.first, place.first + place.height * place.width, _LABELLED_STRIDE)
                    labels += [(row.index, token, before[-1] + 1) for token in tokens]
            for said in row.said:
                if said.name is not None:
                    names += [(row.index, query, said.name) for query in said.queries]
        length = batch.ids.shape[1]
        return _looking_at(labels, length, layer=layer), _looking_at(names, length, layer=layer)

    def _rows(self, batch: Batch) -> Iterator[_Row]:
        for index, places in enumerate(_images(batch, self._image_id)):
            ids, loss_mask = batch.ids[index].cpu(), batch.loss_mask[index].cpu()
            said = tuple(self._found(ids, loss_mask, places))
            yield _Row(index=index, ids=ids, loss_mask=loss_mask, places=places, said=said)

    def _inside(self, said: _Said, length: int) -> torch.Tensor:
        """bool [length]: the visual tokens at a point or in a box."""
        return _at(said.place.tokens(said.numbers, self._token_px), length)

    def _around(self, said: _Said, length: int) -> torch.Tensor:
        """bool [length]: the visual tokens of a box and of what is drawn at it."""
        return _at(said.place.around(said.numbers, self._token_px), length)

    def _found(self, ids: torch.Tensor, loss_mask: torch.Tensor, places: list[_Place]) -> Iterator[_Said]:
        """Each point and box."""
        if not loss_mask.any():
            return
        shown = [place for place in places if place.first < int(loss_mask.nonzero()[0])]
        points_end = places[1].first if len(places) > 1 else len(ids)
        number, comma = self._number[ids], self._comma[ids]
        named = (self._names_image[ids[:-1]] & (number[1:] >= 0) & loss_mask[1:]).nonzero().squeeze(-1).tolist()
        for start in (self._opens[ids[:-3]] & (number[1:-2] >= 0) & loss_mask[1:-2]).nonzero().squeeze(-1).tolist():
            numbers = [int(number[start + 1])]
            while len(numbers) < _BOX and (at := start + 2 * len(numbers)) + 1 < len(ids):
                if not comma[at] or number[at + 1] < 0:
                    break
                numbers.append(int(number[at + 1]))
            if len(numbers) == _POINT and start < points_end:
                yield _Said(start=start, numbers=numbers, place=shown[0])
            elif len(numbers) == _BOX and numbers[0] < numbers[2] and numbers[1] < numbers[3]:
                names = [at for at in named if at < start and bool(loss_mask[at + 1 : start].all())]
                name = names[-1] + 1 if names else None
                image = int(len(shown) == 1) if name is None else int(number[name])
                if 1 <= image <= len(shown):
                    yield _Said(start=start, numbers=numbers, place=shown[image - 1], name=name)

    def _read_off(self, row: _Row) -> Iterator[tuple[int, torch.Tensor]]:
        """(what predicts it, visual tokens) of each length that is said of things with boxes, of each name or letter
        that follows one, and of the image that one was found in."""
        boxes = {said.start: said for said in row.said if len(said.numbers) == _BOX}
        if not boxes:
            return
        said = [
            self._texts[token] if is_said else "\n"
            for token, is_said in zip(row.ids.tolist(), row.loss_mask.tolist(), strict=True)
        ]
        ends = list(accumulate(map(len, said)))
        starts = {end - len(text): at for at, (text, end) in enumerate(zip(said, ends, strict=True)) if text}
        text, by_bracket = "".join(said), {ends[start] - 1: box for start, box in boxes.items()}
        brackets, length = sorted(by_bracket), len(row.ids)
        inside = {bracket: self._inside(box, length) for bracket, box in by_bracket.items()}
        found = (
            *((number, torch.stack([inside[box] for box in of]).any(0)) for number, of in measured(text, brackets)),
            *((word, inside[box]) for word, box in chain(named_after(text, brackets), found_in(text, brackets))),
            *((mark, self._around(by_bracket[box], length)) for mark, box in lettered(text, brackets)),
        )
        for place, wanted in found:
            if place in starts:
                yield starts[place] - 1, wanted


def _at(tokens: list[int], length: int) -> torch.Tensor:
    """bool [length]: true at these."""
    wanted = torch.zeros(length, dtype=torch.bool)
    wanted[tokens] = True
    return wanted


def _looking_at(pairs: list[tuple[int, int, int]], length: int, *, layer: int) -> SpanTap:
    """The tap of (row, query, key) each."""
    rows, queries, wanted = torch.tensor(pairs, dtype=torch.long).view(-1, 3).unbind(1)
    targets = torch.arange(length)[None] == wanted[:, None]
    return SpanTap(layer=layer, heads=NAMING_HEADS, rows=rows, queries=queries, targets=targets)


def _images(batch: Batch, image_id: int) -> list[list[_Place]]:
    """The images of each row, in order; patches are merged two by two."""
    result, at = [], 0
    for ids in batch.ids:
        pads = (ids == image_id).nonzero().squeeze(-1).tolist()
        places, passed = [], 0
        while passed < len(pads):
            height, width = int(batch.grids[at, 1]) // 2, int(batch.grids[at, 2]) // 2
            places.append(_Place(first=pads[passed], height=height, width=width))
            passed += height * width
            at += 1
        result.append(places)
    return result
