"""The command line: one module a command, each with `add_parser(subparsers)` and `run(args) -> exit code`.

Importing a command is cheap: whatever takes time is imported inside its `run`.
"""
