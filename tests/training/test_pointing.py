"""Which tokens should look where: found in ids made by hand."""

from __future__ import annotations

import pytest
from handmade import hand_batch, said

from vilasr.policies.transformers import ChatTokens
from vilasr.training.nano.tokenizer import train_tokenizer
from vilasr.training.pointing import PointReader

TEXTS = [
    "Start [1, 2]. A [3, 4].",
    ' "at": [5, 6], ',
    "In image 2 the cup is at [1, 2, 3, 4]. Image 3: cup [1, 2, 3, 4].",
]
CHAT = ChatTokens(train_tokenizer(TEXTS * 20, num_merges=80))
SIZE = CHAT.num_tokens + 10
READER = PointReader(CHAT, vocab_size=SIZE, token_px=32)


def keys(tap):
    """Of each query, the places it should look at."""
    return [targets.nonzero().squeeze(-1).tolist() for targets in tap.targets]


def pairs(tap):
    """(row, query, key) of a tap whose queries have one key each."""
    return [
        (row, query, key) for row, query, (key,) in zip(tap.rows.tolist(), tap.queries.tolist(), keys(tap), strict=True)
    ]


def test_both_numbers_of_a_point_look_at_the_token_that_holds_it():
    # 6 pads: 2 rows of 3 tokens of 32 px, at ids 0 to 5. "Start [" "70" ", " "40" "]": ids 6 to 10.
    ids, mask = said(CHAT, 6, "Start [70, 40]")
    opens = ids.index(CHAT.encode("70")[0]) - 1
    tap = READER.tap(hand_batch(CHAT, (ids, mask), grids=[(1, 4, 6)]), layer=2, num_heads=1)
    # x 70 is in column 2, y 40 in row 1: token 1 * 3 + 2. "[" predicts x, ", " predicts y.
    assert pairs(tap) == [(0, opens, 5), (0, opens + 2, 5)]
    assert CHAT.text(ids[opens : opens + 5]).endswith("[70, 40]")
    assert (tap.layer, tap.heads) == (2, slice(0, 1))


@pytest.mark.parametrize(
    ("point", "key"),
    [("[0, 0]", 0), ("[31, 31]", 0), ("[32, 31]", 1), ("[31, 32]", 2), ("[63, 63]", 3), ("[64, 99]", 3)],
)
def test_a_point_on_the_far_edge_belongs_to_the_last_token(point, key):
    a_batch = hand_batch(CHAT, said(CHAT, 4, f"A {point}."), grids=[(1, 4, 4)])
    found = READER.tap(a_batch, layer=0, num_heads=1)
    assert keys(found) == [[key], [key]]


@pytest.mark.parametrize("text", ['"at": [5, 6]', "A (5, 6)", "A [5; 6]", "A [x, 6]", "A [5, ", "five"])
def test_what_is_no_point_in_words_is_not_found(text):
    assert not pairs(READER.tap(hand_batch(CHAT, said(CHAT, 4, text), grids=[(1, 4, 4)]), layer=0, num_heads=1))


def test_points_that_the_policy_did_not_say_are_not_found():
    ids, mask = said(CHAT, 4, "A [5, 6].")
    assert not pairs(READER.tap(hand_batch(CHAT, (ids, [0] * len(mask)), grids=[(1, 4, 4)]), layer=0, num_heads=1))


def test_only_points_before_the_second_image_count():
    ids, mask = said(CHAT, 4, "A [5, 6].", 4, "B [40, 6].")
    tap = READER.tap(hand_batch(CHAT, (ids, mask), grids=[(1, 4, 4), (1, 4, 4)]), layer=0, num_heads=1)
    assert [key for _, _, key in pairs(tap)] == [0, 0]


def test_each_row_of_a_batch_has_its_own_first_image():
    one = said(CHAT, 4, "A [40, 6].", 2, "x")
    other = said(CHAT, 2, "A [40, 6].")
    tap = READER.tap(hand_batch(CHAT, one, other, grids=[(1, 4, 4), (1, 4, 2), (1, 2, 4)]), layer=0, num_heads=1)
    assert [(row, key) for row, _, key in pairs(tap)] == [(0, 1), (0, 1), (1, 1), (1, 1)]


def test_a_length_looks_at_the_things_that_it_is_of():
    # 4 tokens of 32 px; the mug lies in token 1, the vase in token 2.
    ids, mask = said(
        CHAT, 4, "I see mug [40, 0, 56, 30], vase [0, 40, 20, 60]. It is 85 cm to the vase, 7 cm to the mug."
    )
    tap = READER.tap(hand_batch(CHAT, (ids, mask), grids=[(1, 4, 4)]), layer=2, num_heads=1)
    lengths = {key: query for _, query, key in pairs(tap)[8:]}
    assert {CHAT.text([ids[query + 1]]): key for key, query in lengths.items()} == {"85": 2, "7": 1}


def test_a_length_that_the_policy_did_not_say_or_of_nothing_with_a_box_is_not_found():
    ids, mask = said(CHAT, 4, "It is 85 cm to the vase.")
    assert not pairs(READER.tap(hand_batch(CHAT, (ids, mask), grids=[(1, 4, 4)]), layer=2, num_heads=1))
    ids, mask = said(CHAT, 4, "I see mug [40, 0, 56, 30]. It is 85 cm to the mug.")
    mask = [int(bool(trained) and at < ids.index(CHAT.encode("85")[0])) for at, trained in enumerate(mask)]
    assert len(pairs(READER.tap(hand_batch(CHAT, (ids, mask), grids=[(1, 4, 4)]), layer=2, num_heads=1))) == 4


BOX = "cup [40, 0, 56, 30]"
"""On an image of 64 x 64: its inner half lies in the token at the upper right, number 1."""


@pytest.mark.parametrize(
    ("text", "first"), [(f"Image 3: {BOX}.", 16), (f"In image 2 the {BOX}. Then image 3: the {BOX}.", 8)]
)
def test_all_numbers_of_a_box_look_into_it_on_the_image_that_is_named(text, first):
    three = said(CHAT, 4, "", 4, "", 4, text)
    mask = [int(place >= len(three[0]) - len(CHAT.encode(text))) for place in range(len(three[0]))]
    tap = READER.tap(hand_batch(CHAT, (three[0], mask), grids=[(1, 4, 4)] * 3), layer=0, num_heads=1)
    pads = [place for place, token in enumerate(three[0]) if token == CHAT.image_id]
    image = {16: 2, 8: 1}[first]
    assert keys(tap)[:4] == [[pads[4 * image + 1]]] * 4
    assert tap.queries[:4].diff().tolist() == [2, 2, 2]


def test_a_large_box_may_be_looked_at_anywhere_in_its_inner_half():
    # Inner half of [0, 0, 128, 64]: x 32 to 96, y 16 to 48; of 4 x 2 tokens: columns 1 to 3, rows 0 and 1.
    ids, mask = said(CHAT, 8, "cup [0, 0, 128, 64]")
    tap = READER.tap(hand_batch(CHAT, (ids, mask), grids=[(1, 4, 8)]), layer=0, num_heads=1)
    assert keys(tap) == [[1, 2, 3, 5, 6, 7]] * 4


@pytest.mark.parametrize("text", [f"Now {BOX}.", f"Image 4: {BOX}.", "Image 2: cup [56, 0, 40, 30]."])
def test_of_several_images_an_unnamed_or_unknown_one_is_not_looked_at_nor_what_is_no_box(text):
    ids, mask = said(CHAT, 4, "", 4, text)
    mask = [int(place >= len(ids) - len(CHAT.encode(text))) for place in range(len(ids))]
    assert not keys(READER.tap(hand_batch(CHAT, (ids, mask), grids=[(1, 4, 4)] * 2), layer=0, num_heads=1))


def of_two_images(text: str):
    """(batch, its ids): two images of 8 and 4 visual tokens are shown, each after its label, then `text` is said."""
    told, _ = said(CHAT, "Image 1 (", 8, "Image 2 (", 4)
    ids, trained = said(CHAT, text)
    return hand_batch(CHAT, (told + ids, [0] * len(told) + trained), grids=[(1, 4, 8), (1, 4, 4)]), told + ids


def named(ids: list[int]) -> list[int]:
    """Where numbers of images stand, in the labels and in what is said."""
    return [place for place in range(1, len(ids)) if CHAT.text([ids[place - 1]]).endswith("mage ")]


def test_one_in_four_visual_tokens_looks_at_the_label_of_its_own_image():
    a_batch, ids = of_two_images("cup")
    labels, _ = READER.naming_taps(a_batch, layer=1)
    pads = [place for place, token in enumerate(ids) if token == CHAT.image_id]
    one, two = (ids.index(CHAT.encode(number)[0]) for number in "12")
    assert pairs(labels) == [(0, pads[0], one), (0, pads[4], one), (0, pads[8], two)]
    assert (labels.layer, labels.heads) == (1, slice(4, 6))


def test_the_numbers_of_a_box_look_at_the_last_name_of_an_image_that_was_said():
    a_batch, ids = of_two_images("Image 1: cup [1, 2, 3, 4]. In image 2 the cup is at [1, 2, 3, 4].")
    _, names = READER.naming_taps(a_batch, layer=1)
    one, two = (max(place for place in named(ids) if ids[place] == CHAT.encode(number)[0]) for number in "12")
    assert [key for _, _, key in pairs(names)] == [one] * 4 + [two] * 4
    assert [CHAT.text([ids[query + 1]]) for _, query, _ in pairs(names)] == ["1", "2", "3", "4"] * 2


def test_one_image_has_no_name_to_look_at():
    ids, mask = said(CHAT, "Image 1 (", 4, "Image 1: cup [1, 2, 3, 4].")
    for tap in READER.naming_taps(hand_batch(CHAT, (ids, mask), grids=[(1, 4, 4)]), layer=1):
        assert not pairs(tap)
        assert tap.loss() == 0


def test_lengths_and_both_words_of_a_name_are_read_off_boxes_and_nothing_else_is():
    text = (
        "At [40, 0, 56, 30] is the red mug, at [0, 40, 20, 60] the vase. It is 85 cm to the mug. The red mug is 5 px."
    )
    ids, mask = said(CHAT, 4, text)
    [found] = READER.read(hand_batch(CHAT, (ids, mask), grids=[(1, 4, 4)]))
    rest = [CHAT.text(ids[place:]) for place in found.nonzero().squeeze(-1).tolist()]
    assert [text.index(each) for each in rest] == [text.index(word) for word in ("red", "mug", "vase", "85")]


def test_the_number_of_an_image_in_which_a_thing_is_found_looks_at_the_thing():
    a_batch, ids = of_two_images("I see red mug in image 2 [1, 2, 3, 4].")
    tap = READER.tap(a_batch, layer=2, num_heads=1)
    second = [place for place, token in enumerate(ids) if token == CHAT.image_id][8]
    number = max(place for place in named(ids) if ids[place] == CHAT.encode("2")[0])
    assert number - 1 in tap.queries.tolist()
    assert keys(tap)[tap.queries.tolist().index(number - 1)] == [second]
    assert READER.read(a_batch)[0].nonzero().squeeze(-1).tolist() == [number]


def test_the_letter_of_a_box_looks_at_the_box_and_what_is_beside_it():
    # 3 rows of 4 tokens of 32 px. The box is in column 1 of row 1; its letter, up to 12.8 px outside, may also be in
    # column 0, for x 40 - 12.8 is below 32, and in row 2, for y 60 + 12.8 is above 64.
    ids, mask = said(CHAT, 12, "The mug is at [40, 45, 50, 60], in box B.")
    a_batch = hand_batch(CHAT, (ids, mask), grids=[(1, 6, 8)])
    [letter] = READER.read(a_batch)[0].nonzero().squeeze(-1).tolist()
    assert CHAT.text(ids[letter:]).startswith("B")
    tap = READER.tap(a_batch, layer=2, num_heads=1)
    assert keys(tap)[tap.queries.tolist().index(letter - 1)] == [4, 5, 8, 9]
