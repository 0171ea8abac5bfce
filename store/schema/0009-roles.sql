-- What needs the owner's rights and a stage must do all the same: parts of readings, one narrow
-- function each. Their search path is fixed below, temporary tables last.

-- Plain PostgreSQL. Days are counted since 1970-01-01 UTC; a partition holds first <= day < past.
CREATE FUNCTION partition_name(first int, past int) RETURNS text LANGUAGE sql IMMUTABLE
RETURN 'reading_' || to_char(date '1970-01-01' + first, 'YYYYMMDD')
    || '_' || to_char(date '1970-01-01' + past, 'YYYYMMDD');

CREATE FUNCTION make_partition(first int, past int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- Made apart and attached: that leaves readers and writers of the other partitions alone,
    -- where CREATE TABLE ... PARTITION OF would lock them all out.
    EXECUTE format('CREATE TABLE %I (LIKE reading INCLUDING ALL)', partition_name(first, past));
    EXECUTE format('ALTER TABLE reading ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
        partition_name(first, past),
        to_char(date '1970-01-01' + first, 'YYYY-MM-DD') || ' 00:00:00+00',
        to_char(date '1970-01-01' + past, 'YYYY-MM-DD') || ' 00:00:00+00');
END $$;

CREATE FUNCTION drop_partition(first int, past int, if_empty bool) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    part text := partition_name(first, past);
    used bool;
BEGIN
    -- Its parent's lock and its own, in the order in which a writer takes them.
    LOCK TABLE ONLY reading IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', part);
    -- A late row may have come since.
    EXECUTE format('SELECT EXISTS (SELECT FROM %I)', part) INTO used;
    IF NOT (if_empty AND used) THEN
        EXECUTE format('ALTER TABLE reading DETACH PARTITION %I', part);
        EXECUTE format('DROP TABLE %I', part);
    END IF;
END $$;

CREATE FUNCTION pack_before(day int) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- Every commit holds a weaker lock on it until its end: none is under way after this.
    LOCK TABLE worker IN SHARE ROW EXCLUSIVE MODE;
    UPDATE care SET packed_before = greatest(packed_before, day);
END $$;

-- TimescaleDB.
CREATE FUNCTION make_chunk(at timestamptz, width_days int) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    -- The server cuts a new chunk so that it overlaps none. The width is a setting of the table,
    -- changed for this transaction alone; a row that goes again makes the chunk.
    PERFORM set_chunk_time_interval('reading', make_interval(days => width_days));
    INSERT INTO reading (measured_at, received_at, value, batch, series, flag, checks, worker, late)
    VALUES (at, at, 0, 0, -1, 9, 0, 0, true);
    DELETE FROM reading WHERE series = -1 AND measured_at = at;
    PERFORM set_chunk_time_interval('reading', interval '1 day');
END $$;

CREATE FUNCTION drop_chunks_before(at timestamptz) RETURNS SETOF text
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    RETURN QUERY SELECT drop_chunks('reading', older_than => at)::text;
END $$;

CREATE FUNCTION choose_columnstore() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'series',
        timescaledb.compress_orderby = 'measured_at');
END $$;

CREATE FUNCTION compress_part(part regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF part NOT IN (SELECT show_chunks('reading')) THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s holds no readings', part);
    END IF;
    PERFORM compress_chunk(part, if_not_compressed => true);
END $$;

DO $$
DECLARE
    path text := (SELECT string_agg(quote_ident(name), ', ')
        FROM unnest(current_schemas(false)) name);
    definer regprocedure;
BEGIN
    FOR definer IN SELECT oid FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
        AND proname IN ('partition_name', 'make_partition', 'drop_partition', 'pack_before',
            'make_chunk', 'drop_chunks_before', 'choose_columnstore', 'compress_part')
    LOOP
        EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', definer);
        EXECUTE format('ALTER FUNCTION %s SET search_path = %s, pg_temp', definer, path);
    END LOOP;
END $$;
