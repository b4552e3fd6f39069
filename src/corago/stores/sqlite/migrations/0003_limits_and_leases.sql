-- What limits of activities, leases that end by themselves and failing decisions need.

-- until_us: when the lease ends by itself. failures: how many decisions have failed in a row, as
-- long as the process stands at failures_at. Behind the heavy texts, as unfit is, and usually null.
alter table workflow_instances add column until_us integer;

alter table workflow_instances add column failures integer;

alter table workflow_instances add column failures_at integer;

create index workflow_instances_until on workflow_instances (until_us)
where until_us is not null;

-- run_us and beat_us are durations; run_by_us and beat_by_us the instants that follow from them
-- while the task is held or detached, which is when it has neither owner nor due_us. start_by_us
-- goes when the task is first taken. expired: the limit that has run out, once somebody noticed.
-- taken_us and heard_us, for people: when it was last taken, and when it was last heard of since.
alter table tasks add column activity text not null default '';

alter table tasks add column start_by_us integer;

alter table tasks add column close_by_us integer;

alter table tasks add column run_us integer;

alter table tasks add column beat_us integer;

alter table tasks add column run_by_us integer;

alter table tasks add column beat_by_us integer;

alter table tasks add column taken_us integer;

alter table tasks add column heard_us integer;

alter table tasks add column expired text not null default '';

alter table tasks add column details text not null default '';

-- When the first of its limits runs out. What has expired and was freed is due to anybody.
alter table tasks add column expires_us integer generated always as (
    iif(
        expired <> '',
        due_us,
        nullif(
            min(
                coalesce(start_by_us, 9223372036854775807),
                coalesce(close_by_us, 9223372036854775807),
                coalesce(run_by_us, 9223372036854775807),
                coalesce(beat_by_us, 9223372036854775807)
            ),
            9223372036854775807
        )
    )
) virtual;

-- Which one that is.
alter table tasks add column first_limit text generated always as (
    case expires_us
        when start_by_us then 'schedule_to_start'
        when close_by_us then 'schedule_to_close'
        when run_by_us then 'start_to_close'
        when beat_by_us then 'heartbeat'
    end
) virtual;

create index tasks_expiring on tasks (expires_us) where expires_us is not null;

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
    i.unfit,
    iif(i.failures_at = i.position, i.failures, 0) as failures
from workflow_instances i
join workflow_definitions d on d.id = i.workflow_id
left join workers w on w.id = i.owner;
