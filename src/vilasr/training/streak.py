"""What is worth telling only when it happens many steps in a row."""

from __future__ import annotations

import logging
from dataclasses import dataclass

SKIPPED = (
    "%d steps in a row changed nothing: their gradients were not finite. Begin anew, in another folder, with a lower "
    'optim.lr or precision = "fp32"; if it was so from the first step, look at the model and the data.'
)

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Streak:
    """Warns of every `length` steps in a row in which it happened.

    Attributes:
        warning: with a place, %d, for how many there were.
        length: of what is told.
        num: steps in a row so far.
    """

    warning: str
    length: int = 10
    num: int = 0

    def count(self, *, happened: bool) -> None:
        """One more step."""
        self.num = self.num + 1 if happened else 0
        if self.num and self.num % self.length == 0:
            logger.warning(self.warning, self.num)
