"""The language of guards and of values that are set: Python's spelling, a small part of its power.

Pure. A text is parsed once, checked against the types of what it may read, and worked out by
closures of our own: nothing that a user writes is ever run by Python.
"""

from corago.core.expressions.checking import check, part_types
from corago.core.expressions.explaining import Trace
from corago.core.expressions.expression import Expression, parse
from corago.core.expressions.faults import Fault
from corago.core.expressions.rendering import ast_json, from_ast_json
from corago.core.expressions.schemas import schema_type, unfit
from corago.core.expressions.types import (
    ANYTHING,
    BOOLEAN,
    INTEGER,
    NULL,
    NUMBER,
    TEXT,
    Array,
    Choice,
    Record,
    Type,
    Union,
    nullable,
    union,
    without_null,
)
from corago.errors import EvaluationError, ExpressionError

__all__ = [
    "ANYTHING",
    "BOOLEAN",
    "INTEGER",
    "NULL",
    "NUMBER",
    "TEXT",
    "Array",
    "Choice",
    "EvaluationError",
    "Expression",
    "ExpressionError",
    "Fault",
    "Record",
    "Trace",
    "Type",
    "Union",
    "ast_json",
    "check",
    "from_ast_json",
    "nullable",
    "parse",
    "part_types",
    "schema_type",
    "unfit",
    "union",
    "without_null",
]
