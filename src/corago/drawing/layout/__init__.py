"""Where everything in a drawing goes: `levels.laid_out` places a graph, the other modules help it.

From the outside in: `levels` (frames within frames), `sheet` (one level), `across` and `tracks` (x
and y of its wires), `ranking`, `ordering`, `columns` and `ports` (one question each).
"""
