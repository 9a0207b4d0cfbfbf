-- What each policy version says, who put it in force and why. Versions from before this hold no text.
alter table policy_versions add column author text not null default 'gateway:postern';
alter table policy_versions add column reason text not null default '';
alter table policy_versions add column source text not null default 'folder';
alter table policy_versions add column based_on integer;
alter table policy_versions add column operation text;
alter table policy_versions add column sources text;
-- 0: a number that was given out, for a version that never came into force.
alter table policy_versions add column in_force integer not null default 1;

-- A version that was in force never changes again; only a text from before this may be filled in, once.
create trigger policy_versions_stay before update on policy_versions
when old.in_force = 1 and (old.sources is not null or new.hash <> old.hash or new.number <> old.number)
begin select raise(abort, 'a policy version is never changed'); end;
create trigger policy_versions_remain before delete on policy_versions
begin select raise(abort, 'a policy version is never deleted'); end;

-- The digest of the files that were taken from the configured paths last: what differs from it is news.
create table policy_folder (hash text not null);
insert into policy_folder (hash) select hash from policy_versions order by number desc limit 1;
