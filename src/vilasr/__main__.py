"""`python -m vilasr`, which is how torchrun starts it."""

from vilasr.cli.main import run

if __name__ == "__main__":
    run()
