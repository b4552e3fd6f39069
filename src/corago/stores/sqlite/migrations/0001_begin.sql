-- The tables that a process lives in. JSON is text, instants are microseconds since 1970.

create table workflow_definitions (
    id integer primary key,
    name text not null,
    version integer not null,
    sha text not null,
    definition text not null,
    unique (name, version, sha)
) strict;

-- internal_state is the newest snapshot: a cache of the events up to snapshot_position. The heavy
-- texts stand last, so that a change of the numbers before them leaves their pages alone.
create table workflow_instances (
    id integer primary key autoincrement,
    workflow_id integer not null references workflow_definitions (id),
    process_id text not null unique,
    run integer not null default 1,
    status text not null,
    position integer not null,
    epoch integer not null,
    owner integer,
    due_us integer,
    consumed integer not null default 0,
    inbox_head integer not null default 0,
    created_us integer not null,
    updated_us integer not null,
    lost_owner text,
    parent text,
    tags text,
    input_sha text not null,
    snapshot_tag text not null default '',
    snapshot_position integer not null default 0,
    internal_state text,
    external_state text not null
) strict;

-- Only what waits for an instant, and only what somebody holds: a parked process without a timer
-- stands in neither.
create index workflow_instances_due on workflow_instances (workflow_id, due_us)
where due_us is not null;

create index workflow_instances_held on workflow_instances (owner)
where owner is not null;

-- For lists and counts. The usual write of a turn leaves the status alone, so it costs nothing there.
create index workflow_instances_status on workflow_instances (status);

-- Rows lie in the order of writing, so that one commit for many processes fills few pages; kept in
-- the order of (process, position) it would touch a page for each of them.
create table events (
    id integer primary key,
    instance_id integer not null,
    run integer not null,
    position integer not null,
    data text not null,
    unique (instance_id, run, position)
) strict;

create table inbox (
    seq integer primary key autoincrement,
    instance_id integer not null,
    at_us integer not null,
    data text not null
) strict;

create index inbox_of_instance on inbox (instance_id);

create table signal_keys (
    instance_id integer not null,
    key text not null,
    digest text not null,
    primary key (instance_id, key)
) strict, without rowid;

create table tags (
    tag text not null,
    instance_id integer not null,
    primary key (tag, instance_id)
) strict, without rowid;

-- has_lock: whether the worker holds a lock file beside the database for as long as it lives.
create table workers (
    id integer primary key autoincrement,
    name text not null,
    beat integer not null,
    beat_us integer not null,
    has_lock integer not null
) strict;

create table documents (
    kind text not null,
    id text not null,
    version integer not null,
    data text not null,
    at_us integer not null,
    actor text,
    process_id text not null,
    position integer not null,
    primary key (kind, id, version)
) strict;

create table settings (
    name text primary key,
    value text not null
) strict, without rowid;

create view processes as
select
    i.id as instance,
    i.process_id,
    i.run,
    i.workflow_id as definition_id,
    d.name as workflow,
    d.version,
    d.sha,
    i.status,
    i.position,
    i.epoch,
    i.owner,
    w.name as owner_name,
    i.consumed,
    i.inbox_head,
    i.due_us,
    i.created_us,
    i.updated_us,
    i.tags,
    i.parent
from workflow_instances i
join workflow_definitions d on d.id = i.workflow_id
left join workers w on w.id = i.owner;

create view history as
select
    i.process_id,
    e.run,
    e.position,
    e.data ->> 'type' as kind,
    e.data ->> 'at' as at,
    e.data
from events e
join workflow_instances i on i.id = e.instance_id;
