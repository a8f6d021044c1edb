"""The images of one episode: clean bases, recipes of what was drawn, pictures rendered when asked for."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from PIL import Image

from vilasr.drawing import Style, add_marks, content_key, load_image, render
from vilasr.env.scaling import scaled, scaled_again
from vilasr.errors import InputError, InvariantError
from vilasr.types import Action, ImageRecipe, ImageView, Rollout, Sample, Size

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from vilasr.protocol import Sizer

MAX_ROUNDING = 0.05
"""By how much of its side an image may be larger or smaller for being rounded to other patches."""
MAX_RENDERED = 4
"""Drawn pictures kept for the next `image` or `view`; older ones are rendered again from their recipes."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """A picture of a base, and that picture at the size the policy sees."""

    base: int
    picture: Image.Image
    view: Image.Image


class Gallery:
    """Images 1..N of one episode. Of pixels only the bases and the latest pictures are kept.

    Raises InputError for a sample image that cannot be loaded or shown.
    """

    def __init__(
        self, sample: Sample, *, style: Style, sizer: Sizer, drawn_at: Mapping[int, Size] = MappingProxyType({})
    ) -> None:
        """`drawn_at`: the size at which marks are drawn on image i, in a style that scales before it draws."""
        self._style = style
        self._bases: list[Image.Image] = []
        self._rendered: dict[int, Image.Image] = {}
        self._last: _Seen | None = None
        self.recipes: list[ImageRecipe] = []
        self.model_sizes: list[Size] = []
        for index, source in enumerate(sample.images, start=1):
            # A path is named by itself; an image in memory only by its place.
            base = load_image(source, name=f"image {index}" if isinstance(source, Image.Image) else None)
            model_size = sizer.fit(base.size)
            if style.draw_at_model_size:
                base = scaled(base, drawn_at.get(index, model_size))
            self._bases.append(base)
            self.recipes.append(ImageRecipe(base=index, size=base.size))
            self.model_sizes.append(model_size)

    @property
    def sizes(self) -> list[Size]:
        return [recipe.size for recipe in self.recipes]

    def image(self, index: int) -> Image.Image:
        """Image `index` (1-based) at its own size, marks included; not to be written to."""
        if not 1 <= index <= len(self.recipes):
            raise InputError("image index", expected=f"a number from 1 to {len(self.recipes)}", got=str(index))
        recipe = self.recipes[index - 1]
        base = self._bases[recipe.base - 1]
        if not recipe.instances:
            return base
        if index not in self._rendered:
            self._rendered[index] = render(base, recipe.instances, self._style)
            if len(self._rendered) > MAX_RENDERED:
                del self._rendered[next(iter(self._rendered))]
        return self._rendered[index]

    def view(self, index: int) -> ImageView:
        """Image `index` as the policy sees it."""
        picture, size = self.image(index), self.model_sizes[index - 1]
        base, last = self.recipes[index - 1].base, self._last
        if last is not None and last.base == base:
            pixels = scaled_again(picture, size, before=last.picture, view=last.view)
        else:
            pixels = scaled(picture, size)
        # A copy, since the view goes out to policies, and only where scaling does anything.
        self._last = None if pixels is picture else _Seen(base=base, picture=picture, view=pixels.copy())
        return ImageView(index=index, pixels=pixels, key=content_key(pixels))

    def draw(self, actions: Sequence[Action]) -> tuple[int, ...]:
        """Appends one image for each image drawn on, in index order; returns the new indices."""
        by_image: defaultdict[int, list[Action]] = defaultdict(list)
        for action in actions:
            by_image[action.image_index].append(action)
        new = []
        for parent in sorted(by_image):
            old = self.recipes[parent - 1]
            marks = add_marks(old.instances, by_image[parent])
            self.recipes.append(ImageRecipe(base=old.base, size=old.size, instances=marks, parent=parent))
            self.model_sizes.append(self.model_sizes[parent - 1])
            new.append(len(self.recipes))
        return tuple(new)


def views_of(rollout: Rollout, *, style: Style, sizer: Sizer) -> list[Image.Image]:
    """Every image of a recorded rollout, in order, as the policy saw it: rendered again from the recipes.

    `style` and `sizer` are those it was recorded with; in a style that scales before it draws, sizes may have been
    rounded to other patches.

    Raises:
        InputError: a base image cannot be loaded.
        InvariantError: it is not the one that was drawn on.
    """
    bases = [recipe.size for recipe in rollout.images if recipe.parent is None]
    gallery = Gallery(rollout.sample, style=style, sizer=sizer)
    if gallery.sizes != bases and style.draw_at_model_size and all(map(is_rounded, gallery.sizes, bases)):
        gallery = Gallery(rollout.sample, style=style, sizer=sizer, drawn_at=dict(enumerate(bases, start=1)))
    if gallery.sizes != bases:
        raise InvariantError(f"{rollout.sample.id}: recorded with images of {bases}, which are now {gallery.sizes}")
    gallery.recipes = list(rollout.images)
    gallery.model_sizes = [gallery.model_sizes[recipe.base - 1] for recipe in rollout.images]
    return [gallery.view(index).pixels for index in range(1, len(rollout.images) + 1)]


def is_rounded(now: Size, then: Size) -> bool:
    """Whether an image of one size may be one of the other, rounded to other patches."""
    return all(abs(new - old) <= MAX_ROUNDING * old for new, old in zip(now, then, strict=True))
