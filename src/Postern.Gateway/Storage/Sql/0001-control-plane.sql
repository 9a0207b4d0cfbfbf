-- What the control plane keeps besides holds and recordings. SQL that SQLite 3.35 and PostgreSQL 13 both take, as far as it goes.
create table heartbeat (beats integer not null);
insert into heartbeat (beats) values (0);

-- Every policy version that was ever in force; a number is never used twice.
create table policy_versions (
    number integer primary key,
    hash text not null,
    files text not null,
    applied_at integer not null
);

-- What targets define by name, as accepted and as last seen.
create table definitions (
    connection text not null,
    fact text not null,
    name text not null,
    accepted_hash text,
    accepted_document blob not null,
    seen_hash text not null,
    seen_document blob not null,
    seen_at integer not null,
    primary key (connection, fact, name)
);

-- Notices that still have to reach a reviewer. No values of requests stand here.
create table outbox (
    id text primary key,
    body blob not null,
    attempts integer not null,
    next_at integer not null,
    give_up_at integer not null
);
