"""Dead letters: a record that a consumer group could not use."""
