-- A notice that arrived, or was given up, is kept until its hold is over, so that it is not made again for a hold that still waits.
alter table outbox add column done integer not null default 0;
create index outbox_by_due on outbox (done, next_at);
