-- name: find_definition
-- Whether a definition is kept already.
select id from workflow_definitions where name = ? and version = ? and sha = ?;

-- name: define
-- Keep a definition.
insert into workflow_definitions (name, version, sha, definition) values (?, ?, ?, ?);

-- name: definitions
-- All definitions, or those of one name, oldest first.
select name, version, sha, cast(definition as blob), id
from workflow_definitions
where :name is null or name = :name
order by id;
