-- name: read_setting
-- A setting of the whole store.
select value from settings where name = ?;

-- name: write_setting
-- Change a setting of the whole store.
insert into settings (name, value) values (?, ?) on conflict (name) do update set value = excluded.value;
