-- One outbox for every channel on which people are told; each channel works off its own.
alter table outbox add column channel text not null default 'webhook';
create index outbox_by_channel on outbox (channel, done, next_at);
