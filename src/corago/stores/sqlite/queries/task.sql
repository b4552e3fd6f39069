-- name: put_task
-- Put a task into its queue, in the place of the one that its path had.
insert or replace into tasks (instance_id, path, queue, due_us, data) values (?, ?, ?, ?, ?);

-- name: stop_task
-- Mark a task, so that its worker stops; what nobody holds, any worker may stop at once.
update tasks
set stops = 1, queue = iif(owner is null, '', queue), due_us = iif(owner is null, 0, null)
where instance_id = ? and path = ?;

-- name: drop_task
-- Forget a task.
delete from tasks where instance_id = ? and path = ?;

-- name: drop_tasks
-- Forget all tasks of a process.
delete from tasks where instance_id = ?;

-- name: due_tasks
-- The tasks that may be taken now of the asked queues and definitions, longest due first.
select t.id
from json_each(:queues) q
join tasks t on t.id in (
    select s.id
    from tasks s
    join workflow_instances i on i.id = s.instance_id
    where s.queue = q.value
        and s.due_us <= :now_us
        and i.workflow_id in (select value from json_each(:definitions))
    order by s.due_us, s.id
    limit :limit
)
order by t.due_us, t.id
limit :limit;

-- name: next_due_task
-- When the first task of the asked queues and definitions falls due.
select min(due_us)
from (
    select (
        select s.due_us
        from tasks s
        join workflow_instances i on i.id = s.instance_id
        where s.queue = q.value
            and s.due_us is not null
            and i.workflow_id in (select value from json_each(:definitions))
        order by s.due_us
        limit 1
    ) as due_us
    from json_each(:queues) q
);

-- name: take_tasks
-- Lease tasks to a worker.
update tasks
set owner = ?, epoch = epoch + 1, due_us = null
where id in (select value from json_each(?));

-- name: load_tasks
-- Tasks with what their worker needs to know.
select t.id, t.epoch, i.process_id, d.sha, t.path, t.queue, cast(t.data as blob), t.losses
from tasks t
join workflow_instances i on i.id = t.instance_id
join workflow_definitions d on d.id = i.workflow_id
where t.id in (select value from json_each(?));

-- name: addressee_of_task
-- The process that the outcome of a task is for, if the task is still that worker's.
select i.process_id, i.id, i.status, i.owner, i.due_us
from tasks t
join workflow_instances i on i.id = t.instance_id
where t.id = ? and t.owner = ? and t.epoch = ?;

-- name: take_out_task
-- Remove a task that is done.
delete from tasks where id = ?;

-- name: held_tasks
-- The tasks that a worker holds, and whether each is to stop.
select id, stops from tasks where owner = ?;

-- name: free_tasks
-- Make all tasks that a vanished worker holds due.
update tasks
set owner = null, losses = losses + 1, queue = iif(stops, '', queue), due_us = iif(stops, 0, ?)
where owner = ?
returning (select process_id from workflow_instances where id = instance_id);

-- name: return_tasks
-- Make some tasks due that a worker holds.
update tasks
set owner = null, queue = iif(stops, '', queue), due_us = iif(stops, 0, ?)
where owner = ? and id in (select value from json_each(?))
returning (select process_id from workflow_instances where id = instance_id);
