-- The Automated Daily Sync, and runs that are given up only when they get nowhere.

-- +goose Up

-- How many attempts in a row had stored nothing when their worker died, the present one included.
ALTER TABLE job ADD COLUMN fruitless int NOT NULL DEFAULT 0;

-- Since when the daily sync has been switched on, or off, at this time of day. What was due before is not run.
ALTER TABLE seller_settings ADD COLUMN daily_sync_since timestamptz NOT NULL DEFAULT now();
CREATE INDEX seller_settings_daily_sync ON seller_settings (seller_id) WHERE daily_sync_enabled;

-- The days, in the seller's time zone, that are settled: whoever inserts the row starts that day's run, or logs why
-- there is none.
CREATE TABLE daily_run (
	seller_id   bigint NOT NULL REFERENCES seller,
	day         date NOT NULL,
	recorded_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (seller_id, day)
);
CREATE INDEX daily_run_by_age ON daily_run (day);

SELECT isolate_sellers('daily_run');

-- +goose Down
DROP TABLE daily_run;
ALTER TABLE seller_settings DROP COLUMN daily_sync_since;
ALTER TABLE job DROP COLUMN fruitless;
