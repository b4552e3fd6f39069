"""Checks of definitions: kept once, never changed."""

from __future__ import annotations

import asyncio

import msgspec

from corago.testing.store_suite.harness import Bench, StoreChecks, check, definition


class DefinitionChecks(StoreChecks):
    """`define` and `definitions`."""

    @check
    async def test_a_new_store_has_no_definitions(self, bench: Bench) -> None:
        """[C02]."""
        assert await bench.store.definitions() == []

    @check
    async def test_a_definition_is_read_as_it_was_given(self, bench: Bench) -> None:
        """[C02] All fields, the document byte for byte, and the id that `define` gave."""
        given = definition("größe-尺寸-🎭", 3, note='quoted "…" and \\u0000')
        id_ = await bench.store.define(given)
        assert id_ > 0
        assert await bench.store.definitions() == [msgspec.structs.replace(given, id=id_)]

    @check
    async def test_the_same_definition_again_has_the_same_id(self, bench: Bench) -> None:
        """[C02]."""
        first = await bench.define("greet")
        await bench.define("other")
        assert await bench.define("greet") == first
        assert len(await bench.store.definitions()) == 2

    @check
    async def test_versions_of_one_name_are_different_definitions(self, bench: Bench) -> None:
        """[C02]."""
        first, second = await bench.define(version=1), await bench.define(version=2)
        assert first != second
        assert [each.version for each in await bench.store.definitions("greet")] == [1, 2]

    @check
    async def test_a_changed_document_is_another_definition(self, bench: Bench) -> None:
        """[C02] The name and version alone do not tell: an edited workflow keeps both."""
        before, after = await bench.define(), await bench.define(note="edited")
        assert before != after
        assert await bench.define() == before
        assert await bench.define(note="edited") == after

    @check
    async def test_a_kept_definition_is_never_changed(self, bench: Bench) -> None:
        """[C02] Not even by one that claims the same digest for another document."""
        given = definition()
        id_ = await bench.store.define(given)
        forged = msgspec.structs.replace(given, document=b'{"forged":true}')
        assert await bench.store.define(forged) == id_
        assert await bench.store.definitions() == [msgspec.structs.replace(given, id=id_)]

    @check
    async def test_definitions_come_oldest_first_and_by_name(self, bench: Bench) -> None:
        """[C02]."""
        for name, version in [("b", 2), ("a", 1), ("b", 1)]:
            await bench.define(name, version)
        found = [(each.name, each.version) for each in await bench.store.definitions()]
        assert found == [("b", 2), ("a", 1), ("b", 1)]
        assert [each.version for each in await bench.store.definitions("b")] == [2, 1]
        assert await bench.store.definitions("c") == []

    @check
    async def test_many_who_define_the_same_at_once_get_one_id(self, bench: Bench) -> None:
        """[C02] Workers of one release start together, some on other objects."""
        other = await bench.second()
        stores = [bench.store, other] * 10
        found = await asyncio.gather(*(store.define(definition()) for store in stores))
        assert len(set(found)) == 1
        assert len(await bench.store.definitions()) == 1
