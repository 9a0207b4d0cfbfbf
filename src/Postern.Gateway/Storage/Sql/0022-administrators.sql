-- Who became an administrator by the one-time code, and the code's digest while there is one.
create table administrators (
    identity text primary key,
    since integer not null,
    operation text not null
);
-- new: nobody was given a code yet; open: there is one; closed: it was used, or this folder was in use before there were codes.
create table setup (
    id integer primary key check (id = 1),
    state text not null,
    digest blob,
    ends_at integer,
    tries integer not null
);
insert into setup (id, state, tries) select 1, case when exists (select 1 from policy_versions) then 'closed' else 'new' end, 0;
