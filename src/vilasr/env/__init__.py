"""One episode: reset and step, limits, typed outcomes. Model mistakes are observations."""

from vilasr.env.episode import Episode
from vilasr.env.gallery import is_rounded, views_of
from vilasr.env.limits import EpisodeConfig, Limits

__all__ = ["Episode", "EpisodeConfig", "Limits", "is_rounded", "views_of"]
