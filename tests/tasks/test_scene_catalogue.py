"""Objects of the catalogue, measured by points sampled on the surfaces of their parts."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter

import numpy as np
import pytest

from vilasr.tasks.scenes.catalogue import CLASSES, Place
from vilasr.tasks.scenes.colors import COLORS, shade
from vilasr.tasks.scenes.shapes import bounds, ring, rod, settled, slab
from vilasr.tasks.scenes.world import Part, Shape

RED = (0.8, 0.1, 0.1)
every_class = pytest.mark.parametrize("kind", CLASSES.values(), ids=lambda kind: kind.name)


def specimens(kind, num=6):
    """[(colour, object)], cycling through the colours."""
    words = itertools.islice(itertools.cycle(kind.colors), num)
    return [(word, kind.build(random.Random(number), word)) for number, word in enumerate(words)]


def rotation(euler):
    """Turned about the fixed x, then y, then z axis."""
    (a, b, c) = euler
    about_x = np.array([[1, 0, 0], [0, math.cos(a), -math.sin(a)], [0, math.sin(a), math.cos(a)]])
    about_y = np.array([[math.cos(b), 0, math.sin(b)], [0, 1, 0], [-math.sin(b), 0, math.cos(b)]])
    about_z = np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    return about_z @ about_y @ about_x


def unit_sphere(num=16):
    polar, around = np.meshgrid(np.linspace(0, math.pi, num), np.linspace(0, 2 * math.pi, 2 * num), indexing="ij")
    return np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar)], -1).reshape(-1, 3)


def surface(part, num=16):
    """float64 [n, 3]: points all over a part, in the object's frame."""
    first, second, third = part.size
    if part.shape is Shape.BOX:
        grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, num)] * 3), -1).reshape(-1, 3)
        points = grid[np.abs(grid).max(1) == 1] * part.size
    elif part.shape is Shape.CYLINDER:
        share, around = np.meshgrid(np.linspace(0, 1, num), np.linspace(0, 2 * math.pi, 4 * num))
        circle = np.stack([np.cos(around), np.sin(around)], -1).reshape(-1, 2) * first
        side = np.column_stack([circle, (share.ravel() * 2 - 1) * second])
        caps = [np.column_stack([circle * share.ravel()[:, None], np.full(share.size, z)]) for z in (-second, second)]
        points = np.concatenate([side, *caps])
    elif part.shape is Shape.CAPSULE:
        whole = unit_sphere() * first
        points = np.concatenate([whole + np.array([0, 0, z]) for z in np.linspace(-second, second, 5)])
    else:
        points = unit_sphere() * (first if part.shape is Shape.SPHERE else part.size)
    assert first > 0
    assert part.shape is not Shape.BOX or min(second, third) > 0
    return points @ rotation(part.euler).T + part.position


def inside(part, points, margin=0.0):
    """bool [n]: whether points lie in a part that is bigger by `margin` all around."""
    x, y, z = ((points - part.position) @ rotation(part.euler)).T
    first, second, third = (side + margin for side in part.size)
    match part.shape:
        case Shape.BOX:
            return (abs(x) < first) & (abs(y) < second) & (abs(z) < third)
        case Shape.CYLINDER:
            return (np.hypot(x, y) < first) & (abs(z) < second)
        case Shape.CAPSULE:
            return np.hypot(np.hypot(x, y), np.maximum(0, abs(z) - second)) < first
        case Shape.SPHERE:
            return np.sqrt(x**2 + y**2 + z**2) < first
        case Shape.ELLIPSOID:
            return (x / first) ** 2 + (y / second) ** 2 + (z / third) ** 2 < 1


def test_there_are_enough_classes_for_floors_and_for_tables():
    assert len(CLASSES) >= 25
    places = Counter(kind.place for kind in CLASSES.values())
    assert places[Place.FLOOR] >= 12
    assert places[Place.TOP] >= 8
    assert places[Place.BOTH] >= 5
    assert sum(kind.carries for kind in CLASSES.values()) >= 3
    assert sum(kind.shelters for kind in CLASSES.values()) >= 2
    words = [word for name, kind in CLASSES.items() for word in (name, kind.plural)]
    assert len(set(words)) == len(words)
    assert all(name == kind.name for name, kind in CLASSES.items())


def test_a_shade_is_closer_to_the_shades_of_its_own_word_than_to_any_other():
    for word, shades in COLORS.items():
        others = [tone for other, tones in COLORS.items() if other != word for tone in tones]
        within = max(math.dist(one, two) for one in shades for two in shades)
        assert within < min(math.dist(one, two) for one in shades for two in others)


@every_class
def test_the_same_random_state_builds_the_same_object_and_another_one_another(kind):
    one, same, other = (kind.build(random.Random(seed), kind.colors[0]) for seed in (1, 1, 2))
    assert one == same
    assert one != other


@every_class
def test_the_size_is_the_tight_box_around_all_parts(kind):
    for _, thing in specimens(kind):
        points = np.concatenate([surface(part) for part in thing.parts])
        width, depth, height = thing.size
        low, high = np.array([-width / 2, -depth / 2, 0]), np.array([width / 2, depth / 2, height])
        assert (points >= low - 1e-9).all()
        assert (points <= high + 1e-9).all()
        slack = 0.01 * np.array(thing.size) + 0.0005
        assert (points.min(0) <= low + slack).all()
        assert (points.max(0) >= high - slack).all()


@every_class
def test_every_part_touches_the_rest(kind):
    """No lid floats in the air, and no wheel."""
    for _, thing in specimens(kind, num=1):
        clouds = [surface(part, 8) for part in thing.parts]
        near = 0.004 * max(thing.size)
        reached, waiting = {0}, [0]
        while waiting:
            here = waiting.pop()
            for number, part in enumerate(thing.parts):
                if number not in reached and (
                    inside(part, clouds[here], near).any() or inside(thing.parts[here], clouds[number], near).any()
                ):
                    reached.add(number)
                    waiting.append(number)
        assert sorted(reached) == list(range(len(thing.parts)))


@pytest.mark.parametrize("kind", [kind for kind in CLASSES.values() if kind.carries], ids=lambda kind: kind.name)
def test_what_carries_has_a_free_and_solid_top(kind):
    for _, thing in specimens(kind, num=10):
        assert covered(thing, rectangle(thing.top, thing.top.height - 0.005)).mean() > 0.9
        assert covered(thing, rectangle(thing.top, thing.top.height - 0.005)[[0, 8, -9, -1]]).all()
        assert not covered(thing, rectangle(thing.top, thing.top.height + 0.001)).any()
        assert thing.top.height <= thing.size[2] + 1e-9


@pytest.mark.parametrize("kind", [kind for kind in CLASSES.values() if kind.shelters], ids=lambda kind: kind.name)
def test_what_shelters_has_a_free_space_under_it(kind):
    for _, thing in specimens(kind, num=10):
        assert min(thing.under.width, thing.under.depth, thing.under.height) > 0.25
        for z in np.linspace(0.001, thing.under.height - 0.001, 9):
            assert not covered(thing, rectangle(thing.under, z)).any()


def test_only_the_classes_that_say_so_have_a_top_or_a_space_under_them():
    for kind in CLASSES.values():
        for _, thing in specimens(kind):
            assert (thing.top is not None) == kind.carries
            assert (thing.under is not None) == kind.shelters


def rectangle(area, height, num=9):
    """float64 [num * num, 3]: a grid over an area, row by row, a hair inside its edges."""
    x, y = (np.linspace(-side / 2 + 0.001, side / 2 - 0.001, num) for side in (area.width, area.depth))
    return np.array([(a, b, height) for b in y for a in x])


def covered(thing, points):
    return np.any([inside(part, points) for part in thing.parts], axis=0)


@every_class
def test_the_named_colour_covers_most_of_what_is_seen(kind):
    for word, thing in specimens(kind, num=len(kind.colors)):
        seen = Counter[str]()
        for yaw in (-0.6, 0.6):
            seen += seen_colors(thing, yaw=yaw, pitch=0.5)
        assert seen.most_common(1)[0][0] == word


def seen_colors(thing, *, yaw, pitch):
    """How many of 40 x 40 cells show each named colour, looking at the front from `yaw` aside and `pitch` above."""
    turn = rotation((pitch, 0.0, 0.0)) @ rotation((0.0, 0.0, yaw))
    clouds = [surface(part, 12) for part in thing.parts]
    points = np.concatenate(clouds) @ turn.T
    owner = np.repeat(np.arange(len(clouds)), [len(cloud) for cloud in clouds])
    cells = np.round(points[:, [0, 2]] / (math.hypot(*thing.size) / 40)).astype(int)
    by_distance = np.argsort(points[:, 1], kind="stable")
    _, first = np.unique(cells[by_distance] @ [1000, 1], return_index=True)
    words = [closest_word(part.color) for part in thing.parts]
    return Counter(words[number] for number in owner[by_distance[first]])


def closest_word(color):
    return min(COLORS, key=lambda word: min(math.dist(color, tone) for tone in COLORS[word]))


def test_the_box_around_a_part_is_that_of_hand_computed_cases():
    lying = Part(
        shape=Shape.CAPSULE, size=(0.1, 0.5, 0.0), position=(1.0, 2.0, 3.0), color=RED, euler=(0, math.pi / 2, 0)
    )
    assert bounds(lying)[0] == pytest.approx((0.4, 1.9, 2.9))
    assert bounds(lying)[1] == pytest.approx((1.6, 2.1, 3.1))
    leaning = rod((0.0, 0.0, 0.0), (3.0, 0.0, 4.0), 0.5, RED)
    assert bounds(leaning)[0] == pytest.approx((-0.4, -0.5, -0.3))
    assert bounds(leaning)[1] == pytest.approx((3.4, 0.5, 4.3))
    turned = slab((-1.0, 1.0), (-1.0, 1.0), (0.0, 1.0), RED, euler=(0.0, 0.0, math.pi / 4))
    assert bounds(turned)[1] == pytest.approx((math.sqrt(2), math.sqrt(2), 1.0))
    egg = Part(shape=Shape.ELLIPSOID, size=(1.0, 2.0, 3.0), position=(0, 0, 0), color=RED, euler=(math.pi / 2, 0, 0))
    assert bounds(egg)[1] == pytest.approx((1.0, 3.0, 2.0))


def test_settled_parts_are_centred_and_stand_on_the_ground():
    parts, size = settled(
        [slab((1.0, 3.0), (0.0, 1.0), (-1.0, 0.0), RED), slab((5.0, 6.0), (0.0, 1.0), (1.0, 2.0), RED)]
    )
    assert size == (5.0, 1.0, 3.0)
    assert parts[0].position == (-1.5, 0.0, 0.5)
    assert parts[1].position == (2.0, 0.0, 2.5)


def test_the_panels_of_a_ring_lean_outwards_around_an_empty_middle():
    panels = ring((1.0, 0.0), (0.5, 1.0), (0.0, 0.5), 0.01, RED, num_panels=4)
    first = panels[0]
    assert first.size == pytest.approx((0.005, 1.0, math.sqrt(0.5) / 2))
    assert first.position == pytest.approx((1.745, 0.0, 0.25))
    assert first.euler == pytest.approx((0.0, math.pi / 4, 0.0))
    assert not np.any([inside(panel, np.array([[1.0, 0.0, 0.25]])) for panel in panels])


def test_shades_come_from_the_word():
    rng = random.Random(0)
    assert {shade("red", rng) for _ in range(50)} == set(COLORS["red"])
