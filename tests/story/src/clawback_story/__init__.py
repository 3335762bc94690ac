"""The main job told as a story, and the checkers that judge it."""
