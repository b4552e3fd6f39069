"""Expressions as texts of the Common Expression Language (CEL), and from them.

Where both languages give a value, they give the same. What CEL has no words for (or we have none
for) is refused by name and never guessed. No package is needed: both ways are texts.
"""

from corago.machine.cel.reading import from_cel
from corago.machine.cel.writing import to_cel

__all__ = ["from_cel", "to_cel"]
