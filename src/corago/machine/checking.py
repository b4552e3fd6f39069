"""All faults of a machine's document at once, each with its place and what to do."""

from __future__ import annotations

from typing import Any

from corago.machine import expressing, linking, valuing
from corago.machine.faults import Fault, given_pointer
from corago.machine.normal import read

CHECKS = (*linking.CHECKS, *valuing.CHECKS, *expressing.CHECKS)


def faults(given: Any) -> tuple[Fault, ...]:
    """Everything that is wrong with a given document, in the document's order.

    What is out of shape, names that fit nothing, values and expressions of a wrong type, and what
    is certain to go wrong. Pointers are into the document as it was given. No faults: an empty
    tuple, and the document has a normal form that can be run.
    """
    document, found = read(given)
    placed = [(given_pointer(given, fault.pointer)[1], fault) for fault in found]
    for check in CHECKS:
        for fault in check(document):
            place, rank = given_pointer(given, fault.pointer)
            placed.append((rank, Fault(place, fault.text, fault.fix)))
    placed.sort(key=lambda each: each[0])
    return tuple(dict.fromkeys(fault for _, fault in placed))
