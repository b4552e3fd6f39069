-- name: start
-- Create a process: leased to its owner if that worker is known, else due.
insert into workflow_instances (
    workflow_id, process_id, status, position, epoch, owner, due_us,
    created_us, updated_us, parent, tags, input_sha, external_state
)
select
    :workflow_id, :process_id, iif(holder is null, 'created', 'running'), 1, holder is not null,
    holder, iif(holder is null, :at_us, null),
    :at_us, :at_us, :parent, :tags, :input_sha, :external_state
from (select (select id from workers where id = :owner) as holder)
returning id, epoch;

-- name: compare_start
-- The process that has the id, and whether it was started as the same workflow on the same input.
select
    i.id,
    i.input_sha = :input_sha
    and d.name = (select name from workflow_definitions where id = :workflow_id)
from workflow_instances i
join workflow_definitions d on d.id = i.workflow_id
where i.process_id = :process_id;

-- name: tag
-- Make a process findable by a tag.
insert or ignore into tags (tag, instance_id) values (?, ?);

-- name: tags_of
-- The tags of a process.
select tags from workflow_instances where id = ?;

-- name: set_tags
-- Change the tags of a process.
update workflow_instances set tags = ? where id = ?;

-- name: untag
-- Let a process be found by a tag no longer.
delete from tags where tag = ? and instance_id = ?;

-- name: append_and_hold
-- The usual write of a turn: its holder takes no new message, and the status stays.
update workflow_instances
set position = ?, updated_us = ?, unfit = null
where id = ?
    and owner = ?
    and epoch = ?
    and position = ?
    and run = ?
    and consumed >= ?
    and status = ?;

-- name: append
-- Move a process on in any way: for its holder, for who seizes it, or for nobody while it is free.
update workflow_instances
set
    position = :position,
    status = :status,
    updated_us = :at_us,
    consumed = max(consumed, :consumed),
    epoch = iif(:seizes and epoch = 9223372036854775807, 1, epoch + :seizes),
    owner = :next_owner,
    due_us = case
        when :lets_go then :due_us
        when :next_owner is null then coalesce(due_us, iif(owner is null, null, :at_us))
    end,
    unfit = iif(:position > :before or :unfit is not null, :unfit, unfit),
    lost_owner = coalesce(:lost_owner, lost_owner),
    until_us = iif(:lets_go or :seizes, null, until_us),
    failures = iif(:failures, :failures, failures),
    failures_at = iif(:failures, :position, failures_at),
    snapshot_tag = iif(:snapshot is null, snapshot_tag, :snapshot_tag),
    snapshot_position = iif(:snapshot is null, snapshot_position, :position),
    internal_state = coalesce(:snapshot, internal_state),
    external_state = coalesce(:external, external_state)
where id = :instance
    and run = :run
    and position = :before
    and (:seizes or (owner is :owner and epoch = :epoch))
    and (not :lets_go or inbox_head <= :seen);

-- name: why_refused
-- Whether a refused writer stood where the row is.
select 1
from workflow_instances
where id = :instance
    and run = :run
    and position = :before
    and (:seizes or (owner is :owner and epoch = :epoch));

-- name: begin_run
-- Let a process begin its next run, of which it has the first event.
update workflow_instances
set
    run = run + 1,
    position = 1,
    unfit = null,
    failures = null,
    failures_at = null,
    snapshot_tag = '',
    snapshot_position = 0,
    internal_state = null
where id = ?;

-- name: follow
-- Let a process follow another definition.
update workflow_instances set workflow_id = ? where id = ?;

-- name: due_of
-- When a process is due, if it is.
select due_us from workflow_instances where id = ?;

-- name: process_id
-- The id of a process by the number of its row.
select process_id from workflow_instances where id = ?;

-- name: instance_of
-- The number of a process's row by its id.
select id from workflow_instances where process_id = ?;

-- name: load
-- The row of a process with its heavy texts.
select
    p.*,
    cast(i.internal_state as blob), i.snapshot_tag, cast(i.external_state as blob), i.lost_owner
from processes p
join workflow_instances i on i.id = p.instance
where p.instance = ?;

-- name: load_many
-- The rows of several processes with their heavy texts.
select
    p.*,
    cast(i.internal_state as blob), i.snapshot_tag, cast(i.external_state as blob), i.lost_owner
from processes p
join workflow_instances i on i.id = p.instance
where p.instance in (select value from json_each(?));

-- name: find
-- A page of rows, newest first.
select *
from processes
where (:workflow is null or workflow = :workflow)
    and (:since_us is null or created_us >= :since_us)
    and (:until_us is null or created_us < :until_us)
    and (:after is null or instance < (select id from workflow_instances where process_id = :after))
order by instance desc
limit :limit;

-- name: find_tagged
-- A page of rows that bear a tag, newest first.
select p.*
from tags t
join processes p on p.instance = t.instance_id
where t.tag = :tag
    and (:workflow is null or p.workflow = :workflow)
    and (:status is null or p.status = :status)
    and (:since_us is null or p.created_us >= :since_us)
    and (:until_us is null or p.created_us < :until_us)
    and (
        :after is null
        or t.instance_id < (select id from workflow_instances where process_id = :after)
    )
order by t.instance_id desc
limit :limit;

-- name: find_with_status
-- A page of rows of one status, newest first.
select p.*
from workflow_instances s
join processes p on p.instance = s.id
where s.status = :status
    and (:workflow is null or p.workflow = :workflow)
    and (:since_us is null or p.created_us >= :since_us)
    and (:until_us is null or p.created_us < :until_us)
    and (:after is null or s.id < (select id from workflow_instances where process_id = :after))
order by s.id desc
limit :limit;

-- name: find_held
-- A page of rows that a worker holds, newest first.
select p.*
from workflow_instances h
join processes p on p.instance = h.id
where h.owner = :owner
    and (:workflow is null or p.workflow = :workflow)
    and (:status is null or p.status = :status)
    and (
        :tag is null
        or exists (select 1 from tags t where t.tag = :tag and t.instance_id = h.id)
    )
    and (:since_us is null or p.created_us >= :since_us)
    and (:until_us is null or p.created_us < :until_us)
    and (:after is null or h.id < (select id from workflow_instances where process_id = :after))
order by h.id desc
limit :limit;

-- name: count_by_status
-- How many processes there are of each status.
select status, count(*) from workflow_instances group by status order by status;

-- name: count_matching
-- How many processes with these properties there are of each status.
select i.status, count(*)
from workflow_instances i
join workflow_definitions d on d.id = i.workflow_id
where (:workflow is null or d.name = :workflow)
    and (:status is null or i.status = :status)
    and (:owner is null or i.owner = :owner)
    and (:since_us is null or i.created_us >= :since_us)
    and (:until_us is null or i.created_us < :until_us)
    and (
        :tag is null
        or i.id in (select t.instance_id from tags t where t.tag = :tag)
    )
group by i.status;
