-- name: put_task
-- Put a task into its queue, in the place of the one that its path had.
insert or replace into tasks (
    instance_id, path, queue, due_us, data,
    activity, start_by_us, close_by_us, run_us, beat_us, details
) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: stop_task
-- Mark a task, so that its worker stops; what waits, any worker may stop at once.
update tasks
set stops = 1, queue = iif(due_us is null, queue, ''), due_us = iif(due_us is null, null, 0)
where instance_id = ? and path = ?;

-- name: begun_task
-- A task that somebody has, or vanished with.
select 1
from tasks
where instance_id = ? and path = ? and (due_us is null or losses > 0);

-- name: drop_task
-- Forget a task.
delete from tasks where instance_id = ? and path = ?;

-- name: drop_tasks
-- Forget all tasks of a process.
delete from tasks where instance_id = ?;

-- name: due_tasks
-- The tasks that may be taken now of the asked queues and definitions (or of the asked activities,
-- null: of any), longest due first.
select t.id, t.due_us
from json_each(:queues) q
join tasks t on t.id in (
    select s.id
    from tasks s
    join workflow_instances i on i.id = s.instance_id
    where s.queue = q.value
        and s.due_us <= :now_us
        and (
            i.workflow_id in (select value from json_each(:definitions))
            or (
                s.activity <> ''
                and (
                    :activities is null
                    or s.activity in (select value from json_each(:activities))
                )
            )
        )
    order by s.due_us, s.id
    limit :limit
)
order by t.due_us, t.id
limit :limit;

-- name: next_due_task
-- When the first task of the asked queues and definitions or activities falls due, or any expires.
select min(due_us)
from (
    select (
        select s.due_us
        from tasks s
        join workflow_instances i on i.id = s.instance_id
        where s.queue = q.value
            and s.due_us is not null
            and (
                i.workflow_id in (select value from json_each(:definitions))
                or (
                    s.activity <> ''
                    and (
                        :activities is null
                        or s.activity in (select value from json_each(:activities))
                    )
                )
            )
        order by s.due_us
        limit 1
    ) as due_us
    from json_each(:queues) q
    union all
    select min(e.expires_us) from tasks e where e.expires_us is not null
);

-- name: expired_tasks
-- The tasks of which a limit has run out, longest ago first.
select id, expires_us
from tasks
where expires_us <= ?
order by expires_us, id
limit ?;

-- name: take_tasks
-- Lease tasks to a worker; what has expired stays so. No number of one row may fail the others.
update tasks
set
    owner = :worker,
    epoch = iif(epoch < 9223372036854775807, epoch, 0) + 1,
    due_us = null,
    expired = iif(expired = '' and expires_us <= :now_us, first_limit, expired),
    start_by_us = null,
    run_by_us = min(:now_us + run_us, 9223372036854775807),
    beat_by_us = min(:now_us + beat_us, 9223372036854775807),
    taken_us = :now_us,
    heard_us = :now_us
where id in (select value from json_each(:tasks));

-- name: load_tasks
-- Tasks with what their worker needs to know.
select
    t.id, t.epoch, i.process_id, d.sha, t.path, t.queue, cast(t.data as blob), t.losses,
    cast(t.details as blob),
    iif(t.expired = '' and t.expires_us <= :now_us, t.first_limit, t.expired),
    t.owner
from tasks t
join workflow_instances i on i.id = t.instance_id
join workflow_definitions d on d.id = i.workflow_id
where t.id in (select value from json_each(:tasks));

-- name: tasks_of_process
-- The tasks of a process as people look at them, oldest first.
select
    t.id, t.epoch, t.path, t.queue, t.activity, t.owner, w.name, t.due_us, t.taken_us, t.heard_us,
    t.losses, t.stops, cast(t.details as blob), t.expires_us,
    iif(t.expired = '', coalesce(t.first_limit, ''), t.expired)
from workflow_instances i
join tasks t on t.instance_id = i.id
left join workers w on w.id = t.owner
where i.process_id = ?
order by t.id;

-- name: addressee_of_task
-- The process that the outcome of a task is for, if the task is still that worker's (or detached,
-- for nobody) and has not expired in its hands.
select i.process_id, i.id, i.status, i.owner, i.due_us
from tasks t
join workflow_instances i on i.id = t.instance_id
where t.id = ?
    and t.owner is ?
    and t.epoch = ?
    and t.due_us is null
    and (t.expires_us is null or t.expires_us > ?);

-- name: beat_task
-- Note that a task goes on, and what is said of it.
update tasks
set
    beat_by_us = min(:now_us + beat_us, 9223372036854775807),
    heard_us = :now_us,
    details = coalesce(:details, details)
where id = :task
    and owner is :worker
    and epoch = :epoch
    and due_us is null
    and (expires_us is null or expires_us > :now_us)
returning stops;

-- name: detach_task
-- Leave a task to somebody outside.
update tasks
set owner = null
where id = ?
    and owner = ?
    and epoch = ?
    and expired = ''
    and (expires_us is null or expires_us > ?);

-- name: take_out_task
-- Remove a task that is done.
delete from tasks where id = ?;

-- name: held_tasks
-- The tasks that a worker holds, and whether each is to stop.
select id, stops from tasks where owner = ?;

-- name: free_tasks
-- Make all tasks that a vanished worker holds due.
update tasks
set
    owner = null,
    losses = iif(losses < 9223372036854775807, losses, 0) + 1,
    queue = iif(stops, '', queue),
    due_us = iif(stops, 0, :now_us),
    expired = iif(expired = '' and expires_us <= :now_us, first_limit, expired),
    run_by_us = null,
    beat_by_us = null
where owner = :worker
returning (select process_id from workflow_instances where id = instance_id);

-- name: return_tasks
-- Make some tasks due that a worker holds.
update tasks
set
    owner = null,
    queue = iif(stops, '', queue),
    due_us = iif(stops, 0, :due_us),
    expired = iif(expired = '' and expires_us <= :now_us, first_limit, expired),
    start_by_us = (select value from json_each(:starts) where key = cast(tasks.id as text)),
    run_by_us = null,
    beat_by_us = null
where owner = :worker and id in (select value from json_each(:tasks))
returning (select process_id from workflow_instances where id = instance_id);
