-- name: write_document
-- Add a version, if the newest one is what the writer expects.
insert into documents (kind, id, version, data, at_us, actor, process_id, position)
select :kind, :id, :expected + 1, :data, :at_us, :actor, i.process_id, :position
from workflow_instances i
where i.id = :instance
    and :expected = (
        select coalesce(max(version), 0) from documents where kind = :kind and id = :id
    );

-- name: document
-- Every version of a document, oldest first.
select kind, id, version, cast(data as blob), at_us, actor, process_id, position
from documents
where kind = ? and id = ?
order by version;
