"""The retention service: defines how long each class of data is kept, and has its owners delete older data."""
