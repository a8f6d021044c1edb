"""Which tokens should look where: found in ids made by hand."""

from __future__ import annotations

import pytest
from handmade import hand_batch, said

from vilasr.policies.transformers import ChatTokens
from vilasr.training.nano.tokenizer import train_tokenizer
from vilasr.training.pointing import PointReader

CHAT = ChatTokens(train_tokenizer(["Start [1, 2]. A [3, 4].", ' "at": [5, 6], '] * 20, num_merges=40))
SIZE = CHAT.num_tokens + 10
READER = PointReader(CHAT, vocab_size=SIZE, token_px=32)


def pairs(tap):
    return list(zip(tap.rows.tolist(), tap.queries.tolist(), tap.keys.tolist(), strict=True))


def test_both_numbers_of_a_point_look_at_the_token_that_holds_it():
    # 6 pads: 2 rows of 3 tokens of 32 px, at ids 0 to 5. "Start [" "70" ", " "40" "]": ids 6 to 10.
    ids, mask = said(CHAT, 6, "Start [70, 40]")
    opens = ids.index(CHAT.encode("70")[0]) - 1
    tap = READER.tap(hand_batch(CHAT, (ids, mask), grids=[(1, 4, 6)]), layer=2, num_heads=1)
    # x 70 is in column 2, y 40 in row 1: token 1 * 3 + 2. "[" predicts x, ", " predicts y.
    assert pairs(tap) == [(0, opens, 5), (0, opens + 2, 5)]
    assert CHAT.text(ids[opens : opens + 5]).endswith("[70, 40]")
    assert (tap.layer, tap.num_heads) == (2, 1)


@pytest.mark.parametrize(
    ("point", "key"),
    [("[0, 0]", 0), ("[31, 31]", 0), ("[32, 31]", 1), ("[31, 32]", 2), ("[63, 63]", 3), ("[64, 99]", 3)],
)
def test_a_point_on_the_far_edge_belongs_to_the_last_token(point, key):
    a_batch = hand_batch(CHAT, said(CHAT, 4, f"A {point}."), grids=[(1, 4, 4)])
    found = READER.tap(a_batch, layer=0, num_heads=1)
    assert found.keys.tolist() == [key, key]


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
