"""The errors of the local stack, with messages for its user."""


class StackError(Exception):
    """The local stack cannot do what was requested; the message says what to do."""


class MissingTool(StackError):
    """A required program is missing, or too old."""
