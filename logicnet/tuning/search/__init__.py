"""Hyperparameter search: trainings of a space's points, compared by their held-out loss."""

from logicnet.tuning.search.run import SearchResult, search
from logicnet.tuning.search.space import Space, load_space, space_of

__all__ = ["SearchResult", "Space", "load_space", "search", "space_of"]
