"""A lesson: find several things by name, tell how far and how large each is, and which is the nearest or the largest.

No benchmark asks it, and neither does `mixed`. The questions of this family name one to three things in a picture of
ten; a model that learns to see from nothing takes long to tell by name what it seldom has to find. Here one picture
teaches up to five names, and two lengths of each, in the words of the questions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from vilasr.tasks.asking.choices import letter
from vilasr.tasks.asking.plan import Plan
from vilasr.tasks.asking.words import centimetres, joined, least, listed, measures, most
from vilasr.tasks.scenes.geometry import distance
from vilasr.tasks.static.question import Question

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from vilasr.tasks.scenes.world import SceneObject
    from vilasr.tasks.static.look import Look, Stage

MARGIN = 1.15
"""What is nearest or largest is so by this factor, which is less than in a question, and is told by another number."""
FEWEST, MOST = 3, 5
"""Things that are named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class _Measured:
    """Lengths in m of some of the things that are named.

    Attributes:
        text: asks which of all that are named has the extreme one.
        told: "{}" stands for the lengths.
        is_least: the least is asked for; else the most.
    """

    things: Sequence[SceneObject]
    lengths: Sequence[float]
    text: str
    told: str
    is_least: bool = True

    @property
    def ranked(self) -> list[int]:
        """Places of `things`, the one that is asked for first."""
        return sorted(range(len(self.things)), key=self.lengths.__getitem__, reverse=not self.is_least)

    def is_clear(self) -> bool:
        less, more = sorted(self.lengths[place] for place in self.ranked[:2])
        return more >= MARGIN * less and centimetres(more) != centimetres(less)

    def says(self, look: Look) -> str:
        return self.told.format(joined(measures(self.lengths, self._whose(look))))

    def concludes(self, look: Look) -> str:
        return (least if self.is_least else most)(self.lengths, self._whose(look))

    def _whose(self, look: Look) -> list[str]:
        joint = "to" if self.is_least else "for"
        return [f"{joint} the {look.phrases[thing.name]}" for thing in self.things]


def survey(stage: Stage, rng: random.Random) -> Question | None:
    """In the question and in the plan the things stand in one order, as options in another."""
    look = stage.look()
    things = look.askable()
    if len(things) < FEWEST:
        return None
    named = rng.sample(things, rng.randint(FEWEST, min(MOST, len(things))))
    measured = _nearness(look, named, rng), _sizes(named)
    asked = rng.choice(measured)
    if not asked.is_clear():
        return None
    phrases = [look.phrases[thing.name] for thing in asked.things]
    options = tuple(rng.sample(phrases, len(phrases)))
    told = " ".join(each.says(look) for each in measured)
    return Question(
        look=look,
        text=asked.text.format(listed(phrases)),
        options=options,
        answer=letter(options.index(phrases[asked.ranked[0]])),
        plan=Plan(steps=(look.boxes(named),), concludes=(f"{told} {asked.concludes(look)}.",)),
        truth={"objects": look.facts(named), "value": list(asked.lengths)},
    )


def _nearness(look: Look, named: Sequence[SceneObject], rng: random.Random) -> _Measured:
    """Along the view, from the camera, or from the first of the things."""
    first, *others = named
    anchor = look.phrases[first.name]
    things, measure, text, told = rng.choice(
        (
            (named, look.depth, "Of {}, which is nearest along the line of sight?", "Along the view it is about {}."),
            (named, look.range, "Of {}, which is nearest to the camera?", "It is about {}."),
            (
                others,
                lambda thing: distance(thing.box, first.box),
                f"Of {{}}, which is nearest to the {anchor}?",
                f"From the {anchor} it is {{}}.",
            ),
        )
    )
    return _Measured(things=things, lengths=[measure(thing) for thing in things], text=text, told=told)


def _sizes(named: Sequence[SceneObject]) -> _Measured:
    return _Measured(
        things=named,
        lengths=[thing.box.longest for thing in named],
        text="Of {}, which is the largest by its longest side?",
        told="The longest sides are {}.",
        is_least=False,
    )
