-- name: addressee
-- What a message needs to know of the process it is for.
select id, status, owner, due_us from workflow_instances where process_id = ?;

-- name: find_key
-- What a key was used for.
select digest from signal_keys where instance_id = ? and key = ?;

-- name: keep_key
-- Remember what a key was used for.
insert into signal_keys (instance_id, key, digest) values (?, ?, ?);

-- name: put_message
-- Put a message into an inbox; its number is the row's.
insert into inbox (instance_id, at_us, data) values (?, ?, ?);

-- name: raise_inbox_head
-- Tell the row of a process which message is its last.
update workflow_instances set inbox_head = ? where id = ?;

-- name: raise_inbox_head_and_wake
-- The same, and make the process due.
update workflow_instances set inbox_head = ?, due_us = ? where id = ?;

-- name: take_messages
-- Strike off the messages that a process has consumed.
delete from inbox where instance_id = ? and seq <= ?;

-- name: messages
-- The messages of one process above a number, in order.
select seq, at_us, cast(data as blob)
from inbox
where instance_id = ? and seq > ?
order by seq;

-- name: messages_of_one
-- All messages of a process, in order.
select instance_id, seq, at_us, cast(data as blob)
from inbox
where instance_id = ?
order by seq;

-- name: messages_of_many
-- The same of several processes.
select instance_id, seq, at_us, cast(data as blob)
from inbox
where instance_id in (select value from json_each(?))
order by instance_id, seq;
