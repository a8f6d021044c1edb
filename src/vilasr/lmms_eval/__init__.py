"""The drawing loop as a model of lmms-eval, so that the tasks of that program run with drawing.

`plugin` is what lmms-eval loads, by the entry point in our package metadata; the rest does not need lmms-eval.
"""
