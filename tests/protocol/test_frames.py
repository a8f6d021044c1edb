import pytest

from vilasr.errors import InputError
from vilasr.protocol import CoordinateFrame, Sizer, from_frame, to_frame


@pytest.mark.parametrize(
    ("size", "factor", "expected"),
    [
        ((640, 480), 28, (644, 476)),  # 22.86 -> 23, 17.14 -> 17
        ((224, 192), 32, (224, 192)),
        ((1, 1), 28, (56, 56)),  # grown to the least area
        ((200, 10), 28, (252, 28)),  # 10/28 rounds to nothing, grown by sqrt(3136/2000) = 1.252
        ((4000, 3000), 28, (1148, 840)),  # shrunk by sqrt(12e6/1003520) = 3.458
        ((98, 70), 28, (112, 56)),  # halves go to the even multiple: 3.5 -> 4, 2.5 -> 2
    ],
)
def test_sizer_gives_multiples_of_the_factor_with_an_area_in_range(size, factor, expected):
    assert Sizer(factor=factor).fit(size) == expected


def test_sizer_refuses_a_strip():
    with pytest.raises(InputError, match=r"image size: expected sides .* ratio of at most 200; got 1000x4"):
        Sizer().fit((1000, 4))


def test_sizer_refuses_bounds_that_contradict_each_other():
    with pytest.raises(InputError, match="sizer: expected factor >= 1"):
        Sizer(min_pixels=10_000, max_pixels=5_000)


def test_a_limit_below_the_smallest_image_is_refused_by_its_own_name():
    sizer = Sizer(factor=32, min_pixels=45_000)
    assert sizer.limited(50_000) == Sizer(factor=32, min_pixels=45_000, max_pixels=50_000)
    with pytest.raises(InputError, match="max_pixels: expected at least 45000, the smallest image; got 9216"):
        sizer.limited(96 * 96)
    with pytest.raises(InputError, match="at least 1024"):
        Sizer(factor=32, min_pixels=1).limited(1000)


def test_each_frame_has_its_own_numbers_for_one_point():
    own, model = (448, 384), (224, 192)
    point = (100.0, 96.0)
    assert to_frame(point, own, frame=CoordinateFrame.PIXEL, model_size=model) == (50, 48)
    assert to_frame(point, own, frame=CoordinateFrame.THOUSANDTHS, model_size=model) == (223, 250)  # 223.2
    assert to_frame(point, own, frame=CoordinateFrame.UNIT, model_size=model) == (0.2232, 0.25)
    assert from_frame((50, 48), own, frame=CoordinateFrame.PIXEL, model_size=model) == point
    assert from_frame((500, 250), own, frame=CoordinateFrame.THOUSANDTHS, model_size=model) == (224.0, 96.0)
    assert from_frame((0.5, 0.25), own, frame=CoordinateFrame.UNIT, model_size=model) == (224.0, 96.0)
