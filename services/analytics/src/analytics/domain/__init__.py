"""What an article is counted by, how counts change, which order counts: plain values."""
