"""Implementations of the Store port, one room each. They know neither each other nor any door."""
