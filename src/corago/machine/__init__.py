"""The machine door: workflows as state machines, declared as data (seed: Impresario)."""
