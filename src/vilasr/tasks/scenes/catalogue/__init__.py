"""The classes of objects that worlds are furnished with, each built from primitives with random proportions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from vilasr.tasks.scenes.catalogue.appliances import APPLIANCES
from vilasr.tasks.scenes.catalogue.belongings import BELONGINGS
from vilasr.tasks.scenes.catalogue.kinds import Area, Built, ObjectClass, Place
from vilasr.tasks.scenes.catalogue.seats import SEATS
from vilasr.tasks.scenes.catalogue.standing import STANDING
from vilasr.tasks.scenes.catalogue.storage import STORAGE
from vilasr.tasks.scenes.catalogue.tableware import TABLEWARE

if TYPE_CHECKING:
    from collections.abc import Mapping

CLASSES: Mapping[str, ObjectClass] = {
    each.name: each for each in (*SEATS, *STORAGE, *APPLIANCES, *STANDING, *TABLEWARE, *BELONGINGS)
}
"""By name, in a fixed order."""

__all__ = ["CLASSES", "Area", "Built", "ObjectClass", "Place"]
