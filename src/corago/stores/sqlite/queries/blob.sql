-- name: keep_blob
-- Keep a large value, unless it is kept already.
insert into blobs (sha, data) values (?, ?) on conflict (sha) do nothing;

-- name: blobs
-- Large values by their digests.
select sha, data from blobs where sha in (select value from json_each(?));
