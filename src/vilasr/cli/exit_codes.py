"""The exit codes of the commands. 1 is for bugs, whose traceback is shown."""

DONE = 0
BAD_INPUT = 2
NO_ANSWER = 3
"""The model gave no answer within its limits."""
INTERRUPTED = 130
PIPE_CLOSED = 141
"""128 + SIGPIPE, as a shell reports it: whoever read our output has stopped."""
