"""Vision-language models that draw to reason in space: run, train and evaluate them."""

__version__ = "0.1.0"
