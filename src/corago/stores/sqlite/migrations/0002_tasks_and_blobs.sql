-- What children, queues, changed definitions and large values need.

-- The definition that a process does not fit, as somebody found who had its code. It stands behind
-- the heavy texts, where a row that was written before has nothing.
alter table workflow_instances add column unfit integer;

-- An activity for any worker of a queue. Due while nobody holds it; stops: its worker is to stop;
-- losses: how many workers vanished with it.
create table tasks (
    id integer primary key autoincrement,
    instance_id integer not null,
    path text not null,
    queue text not null,
    due_us integer,
    owner integer,
    epoch integer not null default 0,
    stops integer not null default 0,
    losses integer not null default 0,
    data text not null,
    unique (instance_id, path)
) strict;

create index tasks_due on tasks (queue, due_us) where due_us is not null;

create index tasks_held on tasks (owner) where owner is not null;

-- Large values that texts refer to, by their digests.
create table blobs (
    sha text not null unique,
    data blob not null
) strict;

drop view processes;

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
    i.parent,
    i.unfit
from workflow_instances i
join workflow_definitions d on d.id = i.workflow_id
left join workers w on w.id = i.owner;
