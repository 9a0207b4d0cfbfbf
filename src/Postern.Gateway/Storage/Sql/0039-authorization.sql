-- Sign-ins at the gateway's own authorization server. What they know of a person, and what renews them at the issuer, is sealed.
create table sign_ins (
    id text primary key,
    identity text not null,
    client text not null,
    resource text not null,
    state blob not null,
    started_at integer not null,
    ends_at integer not null
);
create index sign_ins_by_identity on sign_ins (identity);

-- Every refresh token of a sign-in, by its hash: one that comes twice was copied.
create table refresh_tokens (
    hash blob primary key,
    sign_in text not null references sign_ins (id) on delete cascade,
    issued_at integer not null,
    used_at integer
) without rowid;
create index refresh_tokens_by_sign_in on refresh_tokens (sign_in);

-- Sign-ins that ended before their time, for as long as a token of theirs could live.
create table ended_sign_ins (
    id text primary key,
    ended_at integer not null,
    kept_until integer not null
);

-- What people agreed to and wanted remembered: exactly this client, at exactly this address, for exactly this resource.
create table consents (
    identity text not null,
    client text not null,
    redirect text not null,
    resource text not null,
    scope text not null,
    given_at integer not null,
    primary key (identity, client, redirect, resource, scope)
) without rowid;

-- Clients that registered themselves.
create table oauth_clients (
    id text primary key,
    document text not null,
    registered_at integer not null,
    used_at integer
);
