-- name: list_workers
-- All workers with their last sign of life.
select id, name, beat, beat_us, has_lock from workers order by id;

-- name: check_positions
-- Processes whose events of the latest run do not stand at 1, 2, 3 and so on up to the row's position.
select i.process_id, i.position, count(e.id), coalesce(min(e.position), 0), coalesce(max(e.position), 0)
from workflow_instances i
left join events e on e.instance_id = i.id and e.run = i.run
group by i.id
having count(e.id) <> i.position
    or coalesce(min(e.position), 1) <> 1
    or coalesce(max(e.position), 0) <> i.position;

-- name: check_runs
-- Earlier runs whose events do not stand at 1, 2, 3 and so on, and runs that are yet to come.
select i.process_id, e.run, i.run, count(e.id), min(e.position), max(e.position)
from events e
join workflow_instances i on i.id = e.instance_id
where e.run <> i.run
group by e.instance_id, e.run
having e.run > i.run
    or e.run < 1
    or min(e.position) <> 1
    or max(e.position) <> count(e.id);

-- name: check_missing_runs
-- Processes of which earlier runs are missing.
select i.process_id, i.run, count(distinct e.run)
from workflow_instances i
left join events e on e.instance_id = i.id and e.run < i.run
where i.run > 1
group by i.id
having count(distinct e.run) <> i.run - 1;

-- name: check_snapshots
-- Processes whose snapshot stands where they have never been.
select process_id, snapshot_position, position
from workflow_instances
where snapshot_position > position or (internal_state is null) <> (snapshot_position = 0);

-- name: check_json
-- Texts that are no JSON, by their table and row.
select 'events', i.process_id || ' ' || iif(e.run = 1, '', e.run || ':') || e.position
from events e
join workflow_instances i on i.id = e.instance_id
where not json_valid(e.data)
union all
select 'workflow_instances.internal_state', process_id
from workflow_instances
where internal_state is not null and not json_valid(internal_state)
union all
select 'workflow_instances.external_state', process_id
from workflow_instances
where not json_valid(external_state)
union all
select 'workflow_instances.tags', process_id
from workflow_instances
where tags is not null and not json_valid(tags)
union all
select 'inbox', seq from inbox where not json_valid(data)
union all
select 'tasks', id from tasks where not json_valid(data)
union all
select 'tasks.details', id from tasks where details <> '' and not json_valid(details)
union all
select 'documents', kind || ' ' || id || ' ' || version from documents where not json_valid(data)
union all
select 'workflow_definitions', name || ' ' || version
from workflow_definitions
where not json_valid(definition);

-- name: check_strays
-- Rows that belong to no process, by their table, and how many.
select 'events', instance_id, count(*)
from events
where instance_id not in (select id from workflow_instances)
group by instance_id
union all
select 'inbox', instance_id, count(*)
from inbox
where instance_id not in (select id from workflow_instances)
group by instance_id
union all
select 'signal_keys', instance_id, count(*)
from signal_keys
where instance_id not in (select id from workflow_instances)
group by instance_id
union all
select 'tags', instance_id, count(*)
from tags
where instance_id not in (select id from workflow_instances)
group by instance_id
union all
select 'tasks', instance_id, count(*)
from tasks
where instance_id not in (select id from workflow_instances)
group by instance_id;

-- name: check_inbox_heads
-- Processes whose row does not know the last message of their inbox, or kept one they consumed.
select i.process_id, i.inbox_head, i.consumed, coalesce(min(m.seq), 0), coalesce(max(m.seq), 0)
from workflow_instances i
left join inbox m on m.instance_id = i.id
group by i.id
having i.consumed > i.inbox_head
    or (max(m.seq) is not null and (max(m.seq) <> i.inbox_head or min(m.seq) <= i.consumed));

-- name: check_closed
-- Processes that have ended for good and yet are due or held.
select process_id, status, due_us, owner
from workflow_instances
where status in (select value from json_each(?)) and (due_us is not null or owner is not null);

-- name: check_owners
-- Processes that are held by nobody whom others could bury, or both held and due.
select process_id, owner, due_us
from workflow_instances
where owner is not null and (due_us is not null or owner not in (select id from workers));

-- name: check_leases
-- Processes whose lease is to end, though nobody has one.
select process_id from workflow_instances where until_us is not null and owner is null;

-- name: check_tasks
-- Tasks of processes that have ended for good.
select i.process_id, i.status, t.path
from tasks t
join workflow_instances i on i.id = t.instance_id
where i.status in (select value from json_each(?));

-- name: check_task_owners
-- Tasks that are held by nobody whom others could bury, or both held and due, or neither and yet
-- never taken, so that nobody can have detached them.
select i.process_id, t.path, t.owner, t.due_us
from tasks t
join workflow_instances i on i.id = t.instance_id
where (t.owner is null and t.due_us is null and t.epoch = 0)
    or (t.owner is not null and t.due_us is not null)
    or t.owner not in (select id from workers);

-- name: check_misfits
-- Processes that are said not to fit a definition that is not there.
select process_id, unfit
from workflow_instances
where unfit is not null and unfit not in (select id from workflow_definitions);

-- name: check_blobs
-- All large values with their digests, to be compared.
select sha, data from blobs;

-- name: check_documents
-- Documents whose versions are not 1, 2, 3 and so on.
select kind, id, count(*), min(version), max(version)
from documents
group by kind, id
having min(version) <> 1 or max(version) <> count(*);

-- name: check_definitions
-- All definitions with their digests, to be compared.
select name, version, sha, cast(definition as blob) from workflow_definitions order by id;
