"""The append-only, hash-chained event log behind `ports.Journal`; `sqlite.open_sqlite` opens one."""
