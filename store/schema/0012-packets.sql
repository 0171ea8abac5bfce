-- Who follows batches reads their waveform packets too.
ALTER TABLE batch ADD samples bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN batch.samples IS 'in the packets that it stored';
UPDATE batch b SET samples = w.samples FROM (
    SELECT worker, batch, sum(length) AS samples FROM (
        SELECT worker, batch, length FROM waveform
        UNION ALL SELECT worker, batch, length FROM waveform_revision) packet
    GROUP BY worker, batch) w
WHERE w.worker = b.worker AND w.batch = b.number;
CREATE INDEX waveform_revision_batch ON waveform_revision (batch, worker);
