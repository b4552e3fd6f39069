-- name: due
-- What may be claimed now of the asked definitions, longest due first; each definition stands with
-- its follower, which must not be known as one that the process does not fit.
select i.id, i.lost_owner
from json_each(:followers) d
join workflow_instances i on i.id in (
    select j.id
    from workflow_instances j
    where j.workflow_id = cast(d.key as integer)
        and j.due_us <= :now_us
        and (d.value is null or j.unfit is null or j.unfit < d.value)
    order by j.due_us, j.id
    limit :limit
)
order by i.due_us, i.id
limit :limit;

-- name: next_due
-- When the first process of the asked definitions falls due.
select min(due_us)
from (
    select (
        select j.due_us
        from workflow_instances j
        where j.workflow_id = cast(d.key as integer)
            and j.due_us is not null
            and (d.value is null or j.unfit is null or j.unfit < d.value)
        order by j.due_us
        limit 1
    ) as due_us
    from json_each(?) d
);

-- name: take
-- Lease processes to a worker.
update workflow_instances
set
    owner = ?,
    epoch = epoch + 1,
    due_us = null,
    lost_owner = null,
    status = iif(status = 'failed', status, 'running')
where id in (select value from json_each(?));

-- name: register
-- Register a worker.
insert into workers (name, beat, beat_us, has_lock) values (?, 1, ?, 1);

-- name: lacks_lock
-- Remember that a worker could not take its lock, so that its absence proves nothing.
update workers set has_lock = 0 where id = ?;

-- name: renew
-- Raise a worker's counter.
update workers set beat = beat + 1, beat_us = ? where id = ?;

-- name: find_worker
-- A worker's name and counter.
select name, beat from workers where id = ?;

-- name: orphan
-- Make all that a worker holds due, and remember whose it was.
update workflow_instances
set owner = null, due_us = ?, lost_owner = ?
where owner = ?
returning process_id;

-- name: bury
-- Strike a worker off.
delete from workers where id = ?;

-- name: peers
-- All workers.
select id, name, beat, has_lock from workers order by id;
