"""The pure core: facts, wishes, and the function between them. No clock, no chance, no I/O."""
