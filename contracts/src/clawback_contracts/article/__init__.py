"""Articles: submitted by their licensors, published to the systems that may hold them."""
