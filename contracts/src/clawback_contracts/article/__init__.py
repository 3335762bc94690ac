"""Articles: submitted to us by who licenses them, published by us to who may hold them."""
