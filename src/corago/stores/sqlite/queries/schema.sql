-- name: has_tables
-- Whether there is anything in the database.
select exists (select 1 from sqlite_master);

-- name: create_migrations
-- Make the table that says which migrations were applied.
create table migrations (
    number integer primary key,
    name text not null,
    sha256 text not null,
    at_us integer not null
) strict;

-- name: migrations
-- The migrations that were applied.
select number, name, sha256 from migrations order by number;

-- name: record_migration
-- Say that a migration was applied.
insert into migrations (number, name, sha256, at_us) values (?, ?, ?, ?);
