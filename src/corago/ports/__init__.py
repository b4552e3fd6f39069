"""What the engine needs of the world outside: protocols only, a contract for every method."""
