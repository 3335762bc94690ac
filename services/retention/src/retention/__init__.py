"""Says how long each class of data is kept, and sees its owners let go of it."""
