-- Subscriptions: the resource, what is secret of it, how far each was told, its events, and the queue of the changes that
-- nobody has matched with the subscriptions yet. Nothing that is there changes: who subscribes is told of what comes.

CREATE TABLE billing.subscription (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    last_updated TIMESTAMP WITH TIME ZONE NOT NULL,
    source TEXT COLLATE "C",
    status TEXT COLLATE "C" NOT NULL,
    ends TEXT COLLATE "C",
    criteria TEXT COLLATE "C" NOT NULL,
    error TEXT COLLATE "C",
    channel_type TEXT COLLATE "C" NOT NULL,
    endpoint TEXT COLLATE "C",
    payload TEXT COLLATE "C",
    payload_content TEXT COLLATE "C",
    heartbeat_seconds INTEGER,
    timeout_seconds INTEGER,
    max_count INTEGER,
    residue JSON NOT NULL,
    CONSTRAINT subscription_pk PRIMARY KEY (tenant_id, id)
);
CREATE INDEX subscription_tenant_id_criteria_id_idx ON billing.subscription (tenant_id, criteria, id);
CREATE INDEX subscription_tenant_id_endpoint_id_idx ON billing.subscription (tenant_id, endpoint, id);
CREATE INDEX subscription_tenant_id_last_updated_id_idx ON billing.subscription (tenant_id, last_updated, id);
CREATE INDEX subscription_tenant_id_status_id_idx ON billing.subscription (tenant_id, status, id);

CREATE TABLE billing.subscription_index (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    parameter TEXT COLLATE "C" NOT NULL,
    position SMALLINT[] NOT NULL,
    system TEXT COLLATE "C",
    value TEXT COLLATE "C",
    CONSTRAINT subscription_index_pk PRIMARY KEY (tenant_id, id, parameter, position),
    CONSTRAINT subscription_index_tenant_id_id_fk FOREIGN KEY(tenant_id, id) REFERENCES billing.subscription (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX subscription_index_tenant_id_parameter_value_system_id_idx ON billing.subscription_index (tenant_id, parameter, value, system, id);

CREATE TABLE billing.subscription_secret (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    headers TEXT[] NOT NULL,
    signing_key TEXT COLLATE "C",
    earlier_key TEXT COLLATE "C",
    earlier_key_until TIMESTAMP WITH TIME ZONE,
    CONSTRAINT subscription_secret_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT subscription_secret_tenant_id_id_fk FOREIGN KEY(tenant_id, id) REFERENCES billing.subscription (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE billing.subscription_state (
    tenant_id TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    status TEXT COLLATE "C" NOT NULL,
    paused BOOLEAN DEFAULT false NOT NULL,
    owner TEXT COLLATE "C" NOT NULL,
    scopes TEXT COLLATE "C" NOT NULL,
    since TIMESTAMP WITH TIME ZONE NOT NULL,
    ends_at TIMESTAMP WITH TIME ZONE,
    last_number BIGINT DEFAULT '0' NOT NULL,
    sent_number BIGINT DEFAULT '0' NOT NULL,
    due_at TIMESTAMP WITH TIME ZONE,
    failures INTEGER DEFAULT '0' NOT NULL,
    deliveries BIGINT DEFAULT '0' NOT NULL,
    delivery_failures BIGINT DEFAULT '0' NOT NULL,
    last_sent_at TIMESTAMP WITH TIME ZONE,
    last_failed_at TIMESTAMP WITH TIME ZONE,
    last_error TEXT COLLATE "C",
    CONSTRAINT subscription_state_pk PRIMARY KEY (tenant_id, id),
    CONSTRAINT subscription_state_sent_is_numbered_check CHECK (sent_number <= last_number),
    CONSTRAINT subscription_state_tenant_id_id_fk FOREIGN KEY(tenant_id, id) REFERENCES billing.subscription (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX subscription_state_due_idx ON billing.subscription_state (tenant_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX subscription_state_ends_idx ON billing.subscription_state (tenant_id, ends_at) WHERE ends_at IS NOT NULL;
CREATE INDEX subscription_state_tenant_id_revision_idx ON billing.subscription_state (tenant_id, revision);

CREATE TABLE billing.subscription_registry (
    tenant_id TEXT COLLATE "C" NOT NULL,
    revision BIGINT NOT NULL,
    CONSTRAINT subscription_registry_pk PRIMARY KEY (tenant_id)
);

CREATE TABLE billing.subscription_event (
    tenant_id TEXT COLLATE "C" NOT NULL,
    subscription_id TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    resource_id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT subscription_event_pk PRIMARY KEY (tenant_id, subscription_id, number),
    CONSTRAINT subscription_event_tenant_id_subscription_id_resource_t_faef UNIQUE (tenant_id, subscription_id, resource_type, resource_id, version),
    CONSTRAINT subscription_event_tenant_id_subscription_id_fk FOREIGN KEY(tenant_id, subscription_id) REFERENCES billing.subscription (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX subscription_event_tenant_id_recorded_at_idx ON billing.subscription_event (tenant_id, recorded_at);

CREATE TABLE billing.subscription_log (
    tenant_id TEXT COLLATE "C" NOT NULL,
    subscription_id TEXT COLLATE "C" NOT NULL,
    at TIMESTAMP WITH TIME ZONE NOT NULL,
    what TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    detail TEXT COLLATE "C" NOT NULL,
    CONSTRAINT subscription_log_pk PRIMARY KEY (tenant_id, subscription_id, at),
    CONSTRAINT subscription_log_tenant_id_subscription_id_fk FOREIGN KEY(tenant_id, subscription_id) REFERENCES billing.subscription (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE billing.outbox_queue (
    tenant_id TEXT COLLATE "C" NOT NULL,
    resource_type TEXT COLLATE "C" NOT NULL,
    id TEXT COLLATE "C" NOT NULL,
    version INTEGER NOT NULL,
    events TEXT[] NOT NULL,
    recorded_at TIMESTAMP WITH TIME ZONE NOT NULL,
    CONSTRAINT outbox_queue_pk PRIMARY KEY (tenant_id, resource_type, id, version)
);
CREATE INDEX outbox_queue_tenant_id_recorded_at_idx ON billing.outbox_queue (tenant_id, recorded_at);

-- Row-level security by tenant, forced, as on every table. billing_audit proves the books and needs no secret.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY[
        'subscription', 'subscription_index', 'subscription_secret', 'subscription_state', 'subscription_registry',
        'subscription_event', 'subscription_log', 'outbox_queue'
    ] LOOP
        EXECUTE format('ALTER TABLE billing.%I ENABLE ROW LEVEL SECURITY', name);
        EXECUTE format('ALTER TABLE billing.%I FORCE ROW LEVEL SECURITY', name);
        EXECUTE format(
            'CREATE POLICY tenant_isolation ON billing.%I '
            'USING (tenant_id = nullif(current_setting(''billing.tenant'', true), '''')) '
            'WITH CHECK (tenant_id = nullif(current_setting(''billing.tenant'', true), ''''))', name);
        EXECUTE format('CREATE POLICY audit_reads ON billing.%I FOR SELECT TO billing_audit USING (true)', name);
        EXECUTE format('GRANT SELECT, INSERT ON billing.%I TO billing_app', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY[
        'subscription', 'subscription_index', 'subscription_state', 'subscription_registry', 'subscription_event',
        'subscription_log', 'outbox_queue'
    ] LOOP
        EXECUTE format('GRANT SELECT ON billing.%I TO billing_audit', name);
    END LOOP;
    GRANT SELECT (tenant_id) ON billing.subscription_secret TO billing_audit;
    FOREACH name IN ARRAY ARRAY[
        'subscription', 'subscription_secret', 'subscription_state', 'subscription_registry'
    ] LOOP
        EXECUTE format('GRANT UPDATE ON billing.%I TO billing_app', name);
    END LOOP;
    FOREACH name IN ARRAY ARRAY['subscription', 'subscription_index', 'subscription_secret'] LOOP
        EXECUTE format('GRANT DELETE ON billing.%I TO billing_app', name);
    END LOOP;

    -- The dispatcher works for all tenants, as billing_worker, on these tables and no other.
    FOREACH name IN ARRAY ARRAY[
        'subscription', 'subscription_index', 'subscription_secret', 'subscription_state', 'subscription_registry',
        'subscription_event', 'subscription_log', 'outbox_queue'
    ] LOOP
        EXECUTE format(
            'CREATE POLICY worker_works ON billing.%I TO billing_worker USING (true) WITH CHECK (true)', name);
        EXECUTE format('GRANT SELECT ON billing.%I TO billing_worker', name);
    END LOOP;
END
$$;

GRANT UPDATE ON billing.subscription, billing.subscription_state, billing.subscription_registry TO billing_worker;
GRANT INSERT ON billing.subscription_event, billing.subscription_log TO billing_worker;
GRANT DELETE ON billing.subscription_event, billing.subscription_log, billing.outbox_queue TO billing_worker;

-- It reads the versions that it sends, and writes those of subscriptions whose status it changes, no others.
CREATE POLICY worker_reads ON billing.resource_versions FOR SELECT TO billing_worker USING (true);
CREATE POLICY worker_tells_status ON billing.resource_versions FOR INSERT TO billing_worker
    WITH CHECK (resource_type = 'Subscription');
CREATE POLICY worker_tells_status ON billing.outbox FOR INSERT TO billing_worker
    WITH CHECK (resource_type = 'Subscription');
GRANT SELECT, INSERT ON billing.resource_versions TO billing_worker;
GRANT INSERT ON billing.outbox TO billing_worker;
