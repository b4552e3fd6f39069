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
having min(m.seq) <= i.consumed or coalesce(max(m.seq), i.consumed) <> i.inbox_head;

-- name: check_closed
-- Processes that have ended for good and yet are due or held.
select process_id, status, due_us, owner
from workflow_instances
where status in (select value from json_each(?)) and (due_us is not null or owner is not null);

-- name: check_statuses
-- Processes of an unknown status, and those that nobody would ever take up.
select process_id, status, 'which is no status'
from workflow_instances
where status not in (select value from json_each(?))
union all
select process_id, status, 'and yet held'
from workflow_instances
where status = 'waiting' and owner is not null
union all
select process_id, status, 'and yet neither held nor due'
from workflow_instances
where status in ('created', 'running') and owner is null and due_us is null;

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
    or (t.owner is not null and t.owner not in (select id from workers));

-- name: check_misfits
-- Processes that are said not to fit a definition that is not there.
select process_id, unfit
from workflow_instances
where unfit is not null and unfit not in (select id from workflow_definitions);

-- name: check_parents
-- Processes whose parent is missing.
select process_id, parent
from workflow_instances
where parent is not null and parent not in (select process_id from workflow_instances);

-- name: check_beginnings
-- First events that begin nothing, or another process than their row says; of what is no object, or
-- went through a codec, nothing is known here.
select i.process_id, e.run, e.data ->> 'type', e.data ->> 'process_id', e.data ->> 'workflow'
from events e
join workflow_instances i on i.id = e.instance_id
join workflow_definitions d on d.id = i.workflow_id
where e.position = 1
    and json_valid(e.data)
    and e.data ->> 'type' <> 'Encoded'
    and (
        e.data ->> 'type' <> 'ProcessStarted'
        or e.data ->> 'process_id' <> i.process_id
        or e.data ->> 'workflow' <> d.name
        or (
            e.data ->> 'process_id' is not null
            and (coalesce(e.data ->> 'run', 1) <> e.run or e.data ->> 'parent' is not i.parent)
        )
    );

-- name: check_places
-- Events that say another position than their row.
select i.process_id, e.run, e.position, e.data ->> 'position'
from events e
join workflow_instances i on i.id = e.instance_id
where json_valid(e.data) and e.data ->> 'position' <> e.position;

-- name: check_contents
-- Processes and tasks whose texts are of another kind, or another process's.
select 'task ' || id || ' holds no object'
from tasks
where json_valid(data) and json_type(data) <> 'object'
union all
select 'task ' || id || ' cannot have queue '''''
from tasks
where queue = '' and not stops
union all
select 'process ' || process_id || ' has a snapshot of process '
    || coalesce(internal_state ->> '$.process.id', '') || ' at '
    || coalesce(internal_state ->> '$.process.position', '')
from workflow_instances
where json_valid(internal_state)
    and (
        internal_state ->> '$.process.id' <> process_id
        or internal_state ->> '$.process.position' <> snapshot_position
    )
union all
select 'process ' || i.process_id || ' has a task ' || t.path || ' whose content is that of '
    || coalesce(t.data ->> '$.attempt.path', '') || ' of process '
    || coalesce(t.data ->> '$.process.id', '')
from tasks t
join workflow_instances i on i.id = t.instance_id
where json_valid(t.data)
    and t.data ->> 'type' is null
    and (
        t.data ->> '$.process.id' <> i.process_id
        or t.data ->> '$.attempt.path' <> t.path
        or (t.queue <> '' and t.data ->> '$.attempt.queue' <> t.queue)
        or coalesce(t.data ->> '$.attempt.activity', '') <> t.activity
    )
union all
select 'definition ' || name || ' ' || version || ' is in fact '
    || coalesce(definition ->> '$.name', '') || ' ' || coalesce(definition ->> '$.version', '')
from workflow_definitions
where json_valid(definition)
    and (definition ->> '$.name' <> name or definition ->> '$.version' <> version);

-- name: check_tags
-- Processes that are not found by just the tags that they have.
select i.process_id, t.tag, 'is found by the tag', 'which it does not have'
from tags t
join workflow_instances i on i.id = t.instance_id
where not exists (
    select 1
    from json_each(iif(json_valid(i.tags) and json_type(i.tags) = 'array', i.tags, '[]')) j
    where j.value = t.tag and j.type = 'text'
)
union all
select i.process_id, j.value, 'has the tag', 'and is not found by it'
from workflow_instances i
join json_each(iif(json_valid(i.tags), i.tags, '[]')) j
where json_type(i.tags) <> 'array'
    or j.type <> 'text'
    or not exists (select 1 from tags t where t.instance_id = i.id and t.tag = j.value)
union all
select process_id, tags, 'has the tags', 'which are no list'
from workflow_instances
where json_valid(tags) and tags <> '' and json_type(tags) <> 'array';

-- name: check_writers
-- Documents whose writer is missing, or has not come so far.
select m.kind, m.id, m.version, m.process_id, m.position
from documents m
left join workflow_instances i on i.process_id = m.process_id
where i.id is null or m.position < 1 or (i.run = 1 and m.position > i.position);

-- name: check_settings
-- Settings that are unknown, or say nothing.
select name, value from settings where name <> 'paused' or value not in ('true', 'false');

-- name: check_numbers
-- Numbers and instants that nothing can have: by table, row and column.
with
instants (place, name, value) as (
    select 'process ' || process_id, 'created_us', created_us from workflow_instances
    union all
    select 'process ' || process_id, 'updated_us', updated_us from workflow_instances
    union all
    select 'process ' || process_id, 'due_us', due_us from workflow_instances
    union all
    select 'process ' || process_id, 'until_us', until_us from workflow_instances
    union all
    select 'message ' || seq, 'at_us', at_us from inbox
    union all
    select 'worker ' || id, 'beat_us', beat_us from workers
    union all
    select 'document ' || kind || ' ' || id, 'at_us', at_us from documents
    union all
    select 'task ' || id, 'due_us', due_us from tasks
    union all
    select 'task ' || id, 'start_by_us', start_by_us from tasks
    union all
    select 'task ' || id, 'close_by_us', close_by_us from tasks
    union all
    select 'task ' || id, 'run_by_us', run_by_us from tasks
    union all
    select 'task ' || id, 'beat_by_us', beat_by_us from tasks
    union all
    select 'task ' || id, 'taken_us', taken_us from tasks
    union all
    select 'task ' || id, 'heard_us', heard_us from tasks
),
counts (place, name, least, value) as (
    select 'process ' || process_id, 'position', 1, position from workflow_instances
    union all
    select 'process ' || process_id, 'run', 1, run from workflow_instances
    union all
    select 'process ' || process_id, 'epoch', 0, epoch from workflow_instances
    union all
    select 'process ' || process_id, 'consumed', 0, consumed from workflow_instances
    union all
    select 'process ' || process_id, 'snapshot_position', 0, snapshot_position
    from workflow_instances
    union all
    select 'process ' || process_id, 'failures', 1, failures from workflow_instances
    union all
    select 'process ' || process_id, 'failures_at', 1, failures_at from workflow_instances
    union all
    select 'the row of process ' || process_id, 'id', 1, id from workflow_instances
    union all
    select 'message ' || seq, 'seq', 1, seq from inbox
    union all
    select 'worker ' || id, 'id', 1, id from workers
    union all
    select 'worker ' || id, 'beat', 1, beat from workers
    union all
    select 'task ' || id, 'id', 1, id from tasks
    union all
    select 'task ' || id, 'epoch', 0, epoch from tasks
    union all
    select 'task ' || id, 'losses', 0, losses from tasks
    union all
    select 'task ' || id, 'run_us', 1, run_us from tasks
    union all
    select 'task ' || id, 'beat_us', 1, beat_us from tasks
    union all
    select 'definition ' || name, 'id', 1, id from workflow_definitions
)
select place, name, value
from instants
where value not between -62135596800000000 and 253402300799999999
union all
select place, name, value from counts where value not between least and 9007199254740992
union all
select 'process ' || process_id, 'failures', failures
from workflow_instances
where (failures is null) <> (failures_at is null) or failures_at > position
union all
select 'worker ' || id, 'has_lock', has_lock from workers where has_lock not in (0, 1)
union all
select 'task ' || id, 'stops', stops from tasks where stops not in (0, 1)
union all
select 'task ' || id, 'expired', expired
from tasks
where expired not in (
    '', 'schedule_to_start', 'schedule_to_close', 'start_to_close', 'heartbeat'
)
union all
select 'task ' || id, 'taken_us', taken_us from tasks where (taken_us is null) <> (epoch = 0)
union all
select 'task ' || id, 'heard_us', heard_us
from tasks
where (heard_us is null) <> (taken_us is null) or heard_us < taken_us
union all
select 'task ' || id, 'run_by_us', run_by_us
from tasks
where due_us is null
    and (
        (run_us is null) <> (run_by_us is null)
        or run_by_us <> min(taken_us + run_us, 9223372036854775807)
    )
union all
select 'task ' || id, 'beat_by_us', beat_by_us
from tasks
where due_us is null
    and (
        (beat_us is null) <> (beat_by_us is null)
        or beat_by_us <> min(heard_us + beat_us, 9223372036854775807)
    );

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
