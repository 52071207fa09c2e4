CREATE TABLE IF NOT EXISTS {table} (id bytea NOT NULL PRIMARY KEY, value bytea NOT NULL, expires_at bigint NOT NULL);
CREATE INDEX IF NOT EXISTS {index} ON {table} (expires_at);
