-- Whose credentials were taken back: a token must not come to life again with a restart.
create table revocations (
    identity text primary key,
    revoked_at integer not null
);
