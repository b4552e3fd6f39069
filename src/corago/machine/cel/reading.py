"""From a text of CEL to an expression: a small parser of the part that both languages share."""

from __future__ import annotations

from collections.abc import Callable
from keyword import iskeyword
from typing import TypeVar

from corago.core.expressions import Expression, parse
from corago.core.expressions import nodes as n
from corago.core.expressions.rendering import rendered
from corago.core.expressions.source import DEEPEST
from corago.machine.cel.macros import CALLS, METHODS, UNHEARD, choice, conjunction
from corago.machine.cel.tokens import Token, refusal, tokens
from corago.machine.cel.writing import RESERVED

_T = TypeVar("_T")
_RELATIONS = frozenset({"==", "!=", "<", "<=", ">", ">=", "in"})
_WORDS = {"true": True, "false": False, "null": None}
_DIVIDES = (
    "CEL cuts the quotient of integers, and does not that of doubles; write double(a) / double(b)"
)
_REMAINS = "CEL's remainder has the dividend's sign; write (a % b + b) % b"
_DOUBLES = "double() of a text is a number in CEL; leave it out, numbers mix freely here"
_ONLY_INSIDE = {"double": _DOUBLES, "%": _REMAINS}
"""What is no part of ours by itself, but of a form that is."""


def from_cel(text: str) -> Expression:
    """The expression of a text of CEL.

    Raises ExpressionError for the first part that is no CEL, or that is not carried over, and says
    why.
    """
    parser = _Parser(text)
    try:
        root = parser.root()
        for part in n.walk(root):
            if isinstance(part, n.Call) and part.function in _ONLY_INSIDE:
                raise refusal(text, part.start, part.end, _ONLY_INSIDE[part.function])
        ours = rendered(root)
    except RecursionError:
        raise refusal(text, 0, len(text), f"parts nest deeper than {DEEPEST}") from None
    return parse(ours)


class _Parser:
    """Reads words from left to right, each rule of the grammar a method."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.words = list(tokens(text))
        self.place = 0
        self.depth = 0

    # ----------------------------------------------------------------------------------- words
    @property
    def word(self) -> Token:
        return self.words[self.place]

    def accept(self, *signs: str) -> Token | None:
        """The next word, taken, if it is one of the signs."""
        word = self.word
        if word.text in signs and word.kind in {"sign", "name"}:
            self.place += 1
            return word
        return None

    def expect(self, sign: str) -> None:
        if self.accept(sign) is None:
            raise self.wrong(f"{sign} is missing here")

    def wrong(self, why: str, since: int | None = None) -> Exception:
        start = self.word.start if since is None else since
        end = self.word.end if since is None else self.words[self.place - 1].end
        return refusal(self.text, start, max(end, start), why)

    # --------------------------------------------------------------------------------- grammar
    def root(self) -> n.Node:
        found = self.expression()
        if self.word.kind != "end":
            raise self.wrong("nothing more is expected here")
        return found

    def expression(self) -> n.Node:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.wrong(f"parts nest deeper than {DEEPEST}")
        found = self.any_of()
        if self.accept("?"):
            then = self.any_of()
            self.expect(":")
            found = choice(found, then, self.expression())
        self.depth -= 1
        return found

    def any_of(self) -> n.Node:
        found = [self.all_of()]
        while self.accept("||"):
            found.append(self.all_of())
        return found[0] if len(found) == 1 else n.Logic("or", tuple(found))

    def all_of(self) -> n.Node:
        found = [self.relation()]
        while self.accept("&&"):
            found.append(self.relation())
        return conjunction(found)

    def relation(self) -> n.Node:
        found = self.sum()
        while (sign := self.accept(*_RELATIONS)) is not None:
            found = n.Comparison((sign.text,), (found, self.sum()))
        return found

    def sum(self) -> n.Node:
        return self.chain(self.product, "+", "-")

    def product(self) -> n.Node:
        return self.chain(self.unary, "*", "/", "%")

    def chain(self, operand: Callable[[], n.Node], *signs: str) -> n.Node:
        since = self.word.start
        found = operand()
        while (sign := self.accept(*signs)) is not None:
            found = self.arithmetic(sign.text, found, operand(), since)
        return found

    def arithmetic(self, sign: str, left: n.Node, right: n.Node, since: int) -> n.Node:
        one, other = _undoubled(left), _undoubled(right)
        doubled = one is not left, other is not right
        if sign == "/" and not (any(doubled) or _is_double(one) or _is_double(other)):
            raise self.wrong(_DIVIDES, since)
        if sign == "%":
            match left:  # (a % b + b) % b, as it is written for our own
                case n.Arithmetic("+", n.Call("%", (first, second)), third) if (
                    second == third == right
                ):
                    return n.Arithmetic("%", first, second)
            return n.Call("%", (left, right), start=since, end=self.words[self.place - 1].end)
        if sign == "+" and any(doubled) and not (_is_number(one) or _is_number(other)):
            raise self.wrong(_DOUBLES, since)
        return n.Arithmetic(sign, one, other)

    def unary(self) -> n.Node:
        signs = []
        while (sign := self.accept("!", "-")) is not None:
            signs.append(sign.text)
        if len(signs) > DEEPEST:
            raise self.wrong(f"parts nest deeper than {DEEPEST}")
        found = self.member()
        for sign_text in reversed(signs):
            found = n.Not(found) if sign_text == "!" else _negative(found)
        return found

    def member(self) -> n.Node:
        since = self.word.start
        found = self.primary()
        while (sign := self.accept(".", "[")) is not None:
            if sign.text == "[":
                index = self.expression()
                self.expect("]")
                match index:
                    case n.Literal(str() as name):
                        found = n.Field(found, name)
                    case _:
                        found = n.Item(found, index)
                continue
            word = self.word
            self.place += 1
            if word.kind == "quoted":
                found = n.Field(found, str(word.value))
            elif word.kind != "name" or word.text == "in":
                self.place -= 1
                raise self.wrong("the name of a field or function is missing here")
            elif self.accept("("):
                found = self.method(found, word, since)
            else:
                found = n.Field(found, word.text)
        return found

    def method(self, owner: n.Node, word: Token, since: int) -> n.Node:
        arguments = self.arguments()
        made = METHODS.get(word.text)
        if made is None:
            raise self.wrong(_unheard(word.text), since)
        found = made(owner, arguments)
        if found is None:
            raise self.wrong(f"{word.text}() is not called so in CEL", since)
        return found

    def arguments(self) -> list[n.Node]:
        found: list[n.Node] = []
        while not self.accept(")"):
            if found:
                self.expect(",")
            found.append(self.expression())
        return found

    def primary(self) -> n.Node:
        word = self.word
        self.place += 1
        if word.kind in {"integer", "double", "text"}:
            return n.Literal(word.value)
        if word.kind == "name":
            return self.named(word)
        if word.text == "(":
            found = self.expression()
            self.expect(")")
            return found
        if word.text == "[":
            return n.ArrayOf(tuple(self.entries("]", self.expression)))
        if word.text == "{":
            entries = self.entries("}", self.entry)
            return n.ObjectOf(
                tuple(key for key, _ in entries), tuple(value for _, value in entries)
            )
        self.place -= 1
        raise self.wrong("a value is missing here")

    def named(self, word: Token) -> n.Node:
        if word.text in _WORDS:
            return n.Literal(_WORDS[word.text])
        if word.text in RESERVED or iskeyword(word.text):
            raise self.wrong(f"{word.text} is a reserved word, and no name", word.start)
        if self.accept("{"):
            raise self.wrong("messages are not carried over; write an object", word.start)
        if self.accept("("):
            arguments = self.arguments()
            made = CALLS.get(word.text)
            found = None if made is None else made(arguments)
            if made is None:
                raise self.wrong(_unheard(word.text), word.start)
            if found is None:
                raise self.wrong(f"{word.text}() is not called so in CEL", word.start)
            if isinstance(found, n.Call) and found.function in _ONLY_INSIDE:
                end = self.words[self.place - 1].end
                return n.Call(found.function, found.arguments, start=word.start, end=end)
            return found
        return n.Name(word.text)

    def entries(self, end: str, entry: Callable[[], _T]) -> list[_T]:
        found: list[_T] = []
        while not self.accept(end):
            if found:
                self.expect(",")
                if self.accept(end):
                    break
            found.append(entry())
        return found

    def entry(self) -> tuple[str, n.Node]:
        key = self.word
        if key.kind != "text":
            raise self.wrong("a key is a text that stands there")
        self.place += 1
        self.expect(":")
        return str(key.value), self.expression()


def _unheard(name: str) -> str:
    why = UNHEARD.get(name)
    known = ", ".join(sorted({*CALLS, *METHODS}))
    return (
        f"{name}(): {why}" if why else f"{name}() is not carried over; of CEL's there are {known}"
    )


def _undoubled(node: n.Node) -> n.Node:
    match node:
        case n.Call("double", (inner,)):
            return inner
        case _:
            return node


def _negative(node: n.Node) -> n.Node:
    match node:
        case n.Literal(bool() | str() | None):
            return n.Negative(node)
        case n.Literal(int() | float() as value):
            return n.Literal(-value)
        case _:
            return n.Negative(node)


def _is_double(node: n.Node) -> bool:
    return isinstance(node, n.Literal) and isinstance(node.value, float)


def _is_number(node: n.Node) -> bool:
    """Whether it can be nothing but a number."""
    match node:
        case n.Literal(value=value):
            return isinstance(value, int | float) and not isinstance(value, bool)
        case n.Arithmetic("+", left, right):
            return _is_number(left) or _is_number(right)
        case n.Arithmetic() | n.Negative() | n.Call("len"):
            return True
        case _:
            return False
