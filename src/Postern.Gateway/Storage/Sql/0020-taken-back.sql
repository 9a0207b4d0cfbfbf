-- Whatever a credential says of itself can be taken back, and not its owner alone; some of it until somebody restores it.
-- Times are 100 ns ticks since year 1 in UTC.
create table taken_back (
    kind text not null,
    subject text not null,
    at integer not null,
    issued_until integer not null,
    kept_until integer not null,
    source text not null,
    said_by text not null,
    reason text not null,
    primary key (kind, subject)
);
insert into taken_back select 'identity', identity, revoked_at, revoked_at, revoked_at + 25920000000000, 'command', '', '' from revocations where instr(identity, ':') > 1;
drop table revocations;
