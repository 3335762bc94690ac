"""Dead letters: records that a consumer group could not process."""
