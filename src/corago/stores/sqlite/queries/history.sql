-- name: append_event
-- Write one event at its position.
insert into events (instance_id, run, position, data) values (?, ?, ?, ?);

-- name: events
-- The events of a process above a position, in order; of its latest run, or of another one.
select cast(e.data as blob)
from workflow_instances i
join events e on e.instance_id = i.id and e.run = coalesce(?, i.run)
where i.process_id = ? and e.position > ?
order by e.position
limit ?;

-- name: events_after_snapshot
-- The events of a process that its snapshot does not hold yet, each with its place behind it.
select i.id, e.position - i.snapshot_position, cast(e.data as blob)
from workflow_instances i
join events e on e.instance_id = i.id and e.run = i.run and e.position > i.snapshot_position
where i.id = ?
order by e.position;

-- name: events_after_snapshots
-- The same of several processes.
select i.id, e.position - i.snapshot_position, cast(e.data as blob)
from workflow_instances i
join events e on e.instance_id = i.id and e.run = i.run and e.position > i.snapshot_position
where i.id in (select value from json_each(?))
order by i.id, e.position;
