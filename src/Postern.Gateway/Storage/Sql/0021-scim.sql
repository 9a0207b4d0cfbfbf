-- What directories push (SCIM 2.0): whom an issuer still knows, and who is in which group.
create table scim_users (
    id text primary key,
    issuer text not null,
    external_id text,
    user_name text not null,
    display_name text,
    active integer not null
);
create unique index scim_users_by_name on scim_users (issuer, user_name collate nocase);
create table scim_groups (
    id text primary key,
    issuer text not null,
    external_id text,
    display_name text not null,
    -- A group that the directory deleted goes on having nobody in it: tokens may name it for hours.
    deleted integer not null
);
create table scim_members (
    group_id text not null references scim_groups (id) on delete cascade,
    user_id text not null references scim_users (id) on delete cascade,
    primary key (group_id, user_id)
);
create index scim_members_by_user on scim_members (user_id);
