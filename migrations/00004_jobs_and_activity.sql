-- Background runs, what they and people did, and how every mapping came to be.

-- +goose Up
CREATE TABLE job (
	seller_id        bigint NOT NULL REFERENCES seller,
	id               bigint GENERATED ALWAYS AS IDENTITY,
	kind             text NOT NULL,
	state            text NOT NULL DEFAULT 'QUEUED'
		CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'PARTIALLY_SUCCEEDED', 'FAILED', 'CANCELLED')),
	parameters       jsonb NOT NULL DEFAULT '{}',
	step             text,
	done             int NOT NULL DEFAULT 0,
	total            int,
	created          int NOT NULL DEFAULT 0,
	updated          int NOT NULL DEFAULT 0,
	unchanged        int NOT NULL DEFAULT 0,
	skipped          int NOT NULL DEFAULT 0,
	failed           int NOT NULL DEFAULT 0,
	cancelled        int NOT NULL DEFAULT 0,
	error            text,
	requested_by     text NOT NULL,
	queued_at        timestamptz NOT NULL DEFAULT now(),
	started_at       timestamptz,
	finished_at      timestamptz,
	cancel_requested boolean NOT NULL DEFAULT false,
	-- The lease: who runs it and until when that is believed. The attempt counts claims and fences writes:
	-- a worker that lost its lease carries an older one.
	attempt          int NOT NULL DEFAULT 0,
	worker           text,
	lease_until      timestamptz,
	PRIMARY KEY (seller_id, id),
	CHECK ((state IN ('QUEUED', 'RUNNING')) = (finished_at IS NULL))
);
-- One run of a kind at a time for each seller.
CREATE UNIQUE INDEX job_active ON job (seller_id, kind) WHERE state IN ('QUEUED', 'RUNNING');
CREATE INDEX job_claimable ON job (lease_until NULLS FIRST, id) WHERE state IN ('QUEUED', 'RUNNING');
CREATE INDEX job_newest ON job (seller_id, queued_at, id);

CREATE TABLE log_entry (
	seller_id    bigint NOT NULL REFERENCES seller,
	id           bigint GENERATED ALWAYS AS IDENTITY,
	level        text NOT NULL CHECK (level IN ('INFO', 'WARNING', 'ERROR')),
	logged_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
	code         text NOT NULL,
	title        text NOT NULL,
	details      text,
	-- The record it is about, by kind and number, kept loosely: the entry outlives the record.
	subject_kind text,
	subject_id   bigint,
	job_id       bigint,
	PRIMARY KEY (seller_id, id),
	FOREIGN KEY (seller_id, job_id) REFERENCES job (seller_id, id),
	CHECK ((subject_kind IS NULL) = (subject_id IS NULL))
);
CREATE INDEX log_entry_newest ON log_entry (seller_id, logged_at, id);
CREATE INDEX log_entry_by_level ON log_entry (seller_id, level, logged_at, id);
CREATE INDEX log_entry_by_job ON log_entry (seller_id, job_id, id) WHERE job_id IS NOT NULL;
CREATE INDEX log_entry_by_age ON log_entry (logged_at);

-- Kept for good: who mapped what to what, and what it was before.
CREATE TABLE mapping_history (
	seller_id     bigint NOT NULL REFERENCES seller,
	id            bigint GENERATED ALWAYS AS IDENTITY,
	kind          text NOT NULL,
	record_id     bigint NOT NULL,
	revision      int NOT NULL,
	changed_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
	changed_by    text NOT NULL,
	before        jsonb NOT NULL,
	after         jsonb NOT NULL,
	PRIMARY KEY (seller_id, id)
);
CREATE INDEX mapping_history_by_record ON mapping_history (seller_id, kind, record_id, revision);

SELECT isolate_sellers('job');
SELECT isolate_sellers('log_entry');
SELECT isolate_sellers('mapping_history');

-- +goose Down
DROP TABLE mapping_history, log_entry, job;
