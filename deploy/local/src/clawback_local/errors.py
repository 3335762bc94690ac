"""What can go wrong with the local stack, in words for the person at the terminal."""


class StackError(Exception):
    """The local stack cannot do what was asked; the text says what to do about it."""


class MissingTool(StackError):
    """A program that the machine should have is not there, or is too old."""
