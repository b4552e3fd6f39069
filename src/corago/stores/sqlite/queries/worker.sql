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
-- When the first process of the asked definitions falls due, or any lease ends by itself.
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
    union all
    select min(l.until_us) from workflow_instances l where l.until_us is not null
);

-- name: has_lapsed
-- Whether a lease has ended by itself.
select exists (select 1 from workflow_instances where until_us <= ?);

-- name: let_lapsed_go
-- Make due what stands under leases that have ended by themselves, and remember whose it was.
update workflow_instances
set
    lost_owner = (select w.name from workers w where w.id = workflow_instances.owner),
    owner = null,
    due_us = until_us,
    until_us = null
where until_us <= ?
returning process_id;

-- name: take
-- Lease processes to a worker. No number of one row, however wrong, may fail the others' claim.
update workflow_instances
set
    owner = ?,
    epoch = iif(epoch < 9223372036854775807, epoch, 0) + 1,
    due_us = null,
    until_us = ?,
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
set owner = null, due_us = ?, until_us = null, lost_owner = ?
where owner = ?
returning process_id;

-- name: bury
-- Strike a worker off.
delete from workers where id = ?;

-- name: peers
-- All workers.
select id, name, beat, has_lock from workers order by id;
