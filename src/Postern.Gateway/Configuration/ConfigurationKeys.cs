using System.Collections.Immutable;
using static Postern.Gateway.Configuration.ConfigurationShape;

namespace Postern.Gateway.Configuration;

/// <summary>
/// Every key of <c>postern.yaml</c>, once. The loader, the environment overrides, the editor schema and the reference
/// page read this table, so that none of them can lack a key that another has.
/// </summary>
internal static class ConfigurationKeys
{
    public const string NamePattern = "^[a-z0-9][a-z0-9-]{0,62}$";
    private const string NameRule = "lower-case letters, digits and `-`, at most 63";

    public static Section Root(IEnumerable<string> protocols) => new(
    [
        new("listen", Listen, "Where the gateway listens."),
        new("publicUrl", One(ValueKind.Url), "What clients call the gateway: the base of every link and the audience of tokens. The listener's own URL when absent; required beyond loopback."),
        new("behindProxy", Many(ValueKind.Network), "The proxies in front, as address ranges. Only their `X-Forwarded-*` headers are believed, and plain HTTP beyond loopback is legal behind them only."),
        new("data", One(ValueKind.Path), "The folder of the database, the journals and the keys; made when absent, readable by its owner only.") { Default = "data" },
        new("issuers", new MapOf(NamePattern, NameRule, Issuer), "Who may vouch for identities: OIDC issuers by the name that policies use.") { IsRequired = true },
        new("connections", new MapOf(NamePattern, NameRule, Connection([.. protocols])), "The targets behind the gateway, by name."),
        new("policy", Many(ValueKind.Path), "Policy files, or folders whose `*.yaml` files are read.") { IsRequired = true },
        new("record", Record, "What recordings promise."),
        new("exports", new MapOf(NamePattern, NameRule, ExportKeys.Export), "Where the journal is sent to, by name: every event in order until it arrived."),
        new("telemetry", ExportKeys.Telemetry, "Where spans of operations and metrics are sent to; nowhere when absent."),
        new("log", ExportKeys.Log, "How the gateway logs, on stderr."),
        new("holds", Holds, "What happens when an operation waits for people."),
        new("people", new MapOf(NamePattern, NameRule, Many(ValueKind.Text)), "People with several accounts: all of one person's, as `issuer:subject`, service accounts that act for them included. Nobody approves what another account of theirs asked for, and nobody counts twice."),
        new("limits", Limits, "Caps on what one caller can take."),
        new("authorization", AuthorizationKeys.Section, "Where MCP clients sign in. Without this section at the issuers themselves, with clients registered there."),
        new("allowedOrigins", Many(ValueKind.Url), "Origins, besides the gateway's own, that a browser may call from."),
        new("allowedHosts", Many(ValueKind.Text), "Host header values, besides those of `publicUrl` and `listen.url`, that are served."),
    ]);

    private static Section Listen { get; } = new(
    [
        new("url", One(ValueKind.Url), "Scheme, address and port.") { Default = "http://127.0.0.1:7600" },
        new("management", One(ValueKind.Text), "Scheme, address and port of `/healthz`, `/readyz` and `/metrics`; `none` for no such listener.") { Default = "http://127.0.0.1:7601" },
        new("kubernetes", One(ValueKind.Text), "Scheme, address and port on which clusters are served, where a connection is one: `https`, with the certificate of `tls`, or one of the gateway's own authority that `postern kube login` makes kubectl trust; `none` for no such listener.") { Default = "https://127.0.0.1:7643" },
        new("tls", new Section(
        [
            new("certificate", One(ValueKind.Path), "The certificate chain in PEM, leaf first; read again when it changes.") { IsRequired = true },
            new("key", One(ValueKind.Path), "The private key in PEM.") { IsRequired = true },
        ]), "The certificate to serve. Needed to listen beyond loopback, unless `behindProxy` names the proxies."),
        new("postgres", new Section(
        [
            new("address", One(ValueKind.Text), "Address and port; opened only where a connection's protocol is `postgres`.") { Default = "127.0.0.1:7632" },
            new("tls", new Value(ValueKind.Choice) { Choices = ["required", "optional"] }, "`required`: a client without TLS is refused before it could send its token. `optional`: it is served, on loopback only.") { Default = "required" },
            new("certificate", One(ValueKind.Path), "The certificate chain in PEM. That of `listen.tls` when absent."),
            new("key", One(ValueKind.Path), "Its private key in PEM."),
        ]), "Where clients that speak PostgreSQL connect: the token is their password, the connection's name their database."),
    ]);

    private static MapOf Claims { get; } = new("^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$", "letters, digits, `_`, `.`, `:`, `/` and `-`, at most 128", One(ValueKind.Text));

    private static Section Issuer { get; } = new(
    [
        new("authority", One(ValueKind.Url), "The issuer's URL, exactly as its tokens write `iss`.") { IsRequired = true },
        new("preset", new Value(ValueKind.Choice) { Choices = [.. Identities.IssuerPreset.All.Keys.Order(StringComparer.Ordinal)] }, "The provider, where it is one whose tokens are known: it says which claims, types and algorithms they have. Keys that are written beside it override it. The guides under `docs/learn/identity` say what each needs."),
        new("audience", One(ValueKind.Text), "The one audience that tokens must carry. `publicUrl` when absent."),
        new("audiences", Many(ValueKind.Text), "Several audiences, any of which does; in place of `audience`."),
        new("tenants", Many(ValueKind.Text), "Whose people and programs are let in, at a provider that many organisations share: tenant ids (`entra`), hosted domains (`google`), ids of owners (`github-actions`)."),
        new("clientId", One(ValueKind.Text), "The client that people sign in with, on pages and in the CLI."),
        new("clientSecret", One(ValueKind.Secret), "That client's secret, if it has one."),
        new("clientSecretFile", One(ValueKind.Path), "A file that holds it instead."),
        new("scim", new Section(
        [
            new("token", One(ValueKind.Secret), "The secret that the directory brings as its bearer token; 32 characters or more."),
            new("tokenFile", One(ValueKind.Path), "A file that holds it instead."),
            new("subject", new Value(ValueKind.Choice) { Choices = ["externalId", "userName"] }, "Which attribute of a user is what tokens name as their subject.") { Default = "externalId" },
        ]), "A directory that pushes users and groups (SCIM 2.0) to `/scim/NAME/v2`: who is disabled there is out here, who left a group has left it here, at once."),
        new("introspection", new Section(
        [
            new("url", One(ValueKind.Url), "The endpoint (RFC 7662).") { IsRequired = true },
            new("clientId", One(ValueKind.Text), "The gateway's client there.") { IsRequired = true },
            new("clientSecret", One(ValueKind.Secret), "That client's secret."),
            new("clientSecretFile", One(ValueKind.Path), "A file that holds it instead."),
            new("every", One(ValueKind.Duration), "How often each live token is asked about.") { Default = "30s" },
            new("maxStale", One(ValueKind.Duration), "How long a token counts without an answer; then it is refused, and what runs on it ends.") { Default = "2m" },
        ]), "Where the issuer is asked whether a token still counts: at its first use, and again and again while it lives."),
        new("groupsClaim", One(ValueKind.Text), "The claim that lists groups. That of the preset, if there is one.") { Default = "groups" },
        new("rolesClaim", One(ValueKind.Text), "The claim that lists roles, by its name or as a JSON pointer (`/realm_access/roles`); policies know a role as the group `role:NAME`. That of the preset when absent; `none` for none."),
        new("algorithms", new ListOf(new Value(ValueKind.Choice) { Choices = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"] }), "The signature algorithms that are accepted. Those of the preset, if there is one.") { Default = "RS256, ES256" },
        new("types", Many(ValueKind.Text), "The token types (`typ`) that are accepted; `none` for tokens without one. Those of the preset, if there is one.") { Default = "at+jwt" },
        new("names", new MapOf("^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$", "letters, digits, `.`, `_` and `-`, at most 128", One(ValueKind.Text)), "Readable names for the issuer's group ids: `support: 9f1c…`."),
        new("clockSkew", One(ValueKind.Duration), "How far the issuer's clock may differ from the gateway's; at most `60s`.") { Default = "30s" },
        new("tokenLife", One(ValueKind.Duration), "The longest life, from `iat` to `exp`, that a token may claim; one that claims more is refused.") { Default = "24h" },
        new("requiredClaims", Claims, "Claims that every access token must have with exactly this text: `tid: 2f6c…`."),
        new("scopes", Many(ValueKind.Text), "Scopes that a person's access token must have been issued for, as clients ask for them (`api://gateway/mcp`; the token may write the last part alone). A token without one of them is answered 403 with all of them, so that the client signs in again for that."),
        new("workloadClaims", Claims, "Claims any of which, with this text, says that the token stands for a program and for no person; so does a `sub` equal to the client id. Those of the preset, or `idtyp: app`, when absent."),
        new("directory", new Section(
        [
            new("url", One(ValueKind.Url), "The base of Microsoft Graph.") { Default = "https://graph.microsoft.com/v1.0" },
            new("tokenUrl", One(ValueKind.Url), "Where the gateway asks for its token there. The token endpoint that the issuer names when absent."),
            new("clientId", One(ValueKind.Text), "The application that the gateway is there, with the permissions `User.Read.All` and `Application.Read.All`.") { IsRequired = true },
            new("clientSecret", One(ValueKind.Secret), "Its secret."),
            new("clientSecretFile", One(ValueKind.Path), "A file that holds it instead."),
        ]), "Where groups are asked for that are too many for a token (`preset: entra`). Without it such tokens are refused. What a token itself says of where its groups are is never followed."),
    ]);

    private static Section Connection(ImmutableArray<string> protocols) => new(
    [
        new("protocol", new Value(ValueKind.Choice) { Choices = protocols }, "How the target speaks.") { IsRequired = true },
        new("url", One(ValueKind.Target), "Where the target is; for `postgres` it is `postgresql://host:port/database`. Either this or `stdio`."),
        new("stdio", Stdio, "A server that the gateway starts itself and speaks to over stdin and stdout. Either this or `url`."),
        new("hostnames", Many(ValueKind.Text), "Host names of its own for an `http` connection: `https://billing.example/…` is then what `/http/billing/…` is. They lead to the listener, and no other connection has them."),
        new("http2", One(ValueKind.Switch), "`true`: the target at an `https` URL is spoken to in HTTP/2, and must offer it; one at an `http` URL by prior knowledge. WebSockets still go over HTTP/1.1. `false`: HTTP/1.1.") { Default = "false" },
        new("openapi", One(ValueKind.Path), "An OpenAPI document (3.0 or 3.1, JSON) of an `http` target; policies can then name its operations. Read once, at the start."),
        new("tags", Many(ValueKind.Text), "Words that policies may select by."),
        new("keep", One(ValueKind.Duration), "How long what was said in a session stays readable after its last operation; then its keys are destroyed. As `record.keep` when absent."),
        new("credential", Credential, "What the gateway authenticates with at the target. Callers never see it and it is never recorded."),
        new("tls", new Section(
        [
            new("mode", new Value(ValueKind.Choice) { Choices = ["verify", "off"] }, "`verify`: TLS, with a trusted certificate that has the host's name. `off`: in the clear, to loopback only.") { Default = "verify" },
            new("ca", One(ValueKind.Path), "The roots that the certificate must lead to, in PEM. Those of the system when absent."),
        ]), "How a `postgres` target is reached, and whom to trust there; an `https` target says the first in its URL and takes `ca` alone."),
        new("impersonate", One(ValueKind.Switch), "`true`: a cluster is told who asks (`Impersonate-User: postern:ISSUER:SUBJECT`, groups alike), so that its own rights and audit log name the person; the credential needs the right to impersonate. `false`: it sees the credential alone.") { Default = "false" },
        new("timeouts", Timeouts, "How long the target may take. What takes longer is broken off, and the caller is told."),
    ]);

    private static Section Timeouts { get; } = new(
    [
        new("connect", One(ValueKind.Duration), "Until a connection stands, TLS included.") { Default = "10s" },
        new("head", One(ValueKind.Duration), "From the sending of a request to the head of its response. A tool that answers in one piece must be done by then.") { Default = "60s" },
        new("idle", One(ValueKind.Duration), "Between two pieces of a message that has begun.") { Default = "60s" },
        new("message", One(ValueKind.Duration), "For the whole of a message that has begun.") { Default = "5m" },
        new("silence", One(ValueKind.Duration), "Between two messages of an event stream that answers a request; comments count as signs of life. A stream that only listens (`GET`) may be silent for as long as its caller stays.") { Default = "10m" },
    ]);

    private static Section Credential { get; } = new(
    [
        new("header", One(ValueKind.Text), "The header that carries it.") { Default = "Authorization" },
        new("value", One(ValueKind.Secret), "The header's whole value, for example `Bearer …`."),
        new("valueFile", One(ValueKind.Path), "A file that holds it instead."),
        new("user", One(ValueKind.Text), "For `postgres`: the role that the gateway signs in as."),
        new("password", One(ValueKind.Secret), "For `postgres`: its password."),
        new("passwordFile", One(ValueKind.Path), "A file that holds it instead."),
        new("methods", new ListOf(new Value(ValueKind.Choice) { Choices = ["scram-sha-256", "md5", "password"] }), "For `postgres`: how the server may ask for the password. `md5` and `password` give it to whoever reads the wire or stands in the server's place.") { Default = "scram-sha-256" },
    ]);

    private static Section Stdio { get; } = new(
    [
        new("command", One(ValueKind.Text), "The program: a path, or a name that is looked for in the `PATH` that it will have. No shell reads it.") { IsRequired = true },
        new("args", Many(ValueKind.Text), "Its arguments, as they stand. They are recorded and shown to reviewers: a secret belongs into `environment`."),
        new("folder", One(ValueKind.Path), "The folder that it runs in.") { Default = "." },
        new("environment", new MapOf("^[A-Za-z_][A-Za-z0-9_]{0,127}$", "letters, digits and `_`, at most 128", new Section(
        [
            new("value", One(ValueKind.Secret), "The variable's value; never shown."),
            new("valueFile", One(ValueKind.Path), "A file that holds it instead."),
        ])), "Variables by name. Besides them the child has `PATH`, `HOME`, `USER`, `LANG`, `TZ` and `TMPDIR` of the gateway, and nothing else."),
        new("state", One(ValueKind.Path), "A folder under which each identity has one of its own, for servers that keep something in files. `{state}` in `args` and `environment` stands for it."),
        new("stderr", new Value(ValueKind.Choice) { Choices = ["log", "drop"] }, "`log`: what it says on stderr goes to the gateway's log, without the configured values and what the detectors know. `drop`: it is read and counted.") { Default = "log" },
        new("idle", One(ValueKind.Duration), "After this long without a request or an open stream a child is ended.") { Default = "10m" },
        new("shared", One(ValueKind.Switch), "`true`: one child serves everybody, who then see whatever it keeps of each other. `false`: one for each identity and client session.") { Default = "false" },
    ]);

    private static Section Record { get; } = new(
    [
        new("durability", new Value(ValueKind.Choice) { Choices = ["strict", "relaxed"] }, "`strict`: nothing is forwarded or released before its record is on disk. `relaxed`: before it is handed to the operating system; a power cut can lose the last moments.") { Default = "strict" },
        new("content", One(ValueKind.Size), "How much of one reply is kept for replay, after masks; all of it is digested.") { Default = "1MiB" },
        new("heartbeat", One(ValueKind.Duration), "A signed checkpoint at least this often, also when nothing happened. What is recorded is signed within a second in any case.") { Default = "1m" },
        new("signingKey", new Section(
        [
            new("file", One(ValueKind.Path), "The private key in PEM, readable by its owner only. Another key in it is taken within seconds, and the one before vouches for it."),
            new("value", new Value(ValueKind.Secret) { HasLines = true }, "The private key itself, in PEM: for `POSTERN__RECORD__SIGNINGKEY__VALUE`."),
            new("pkcs12", One(ValueKind.Path), "A PKCS #12 file that holds it."),
            new("password", One(ValueKind.Secret), "The password of that file."),
            new("passwordFile", One(ValueKind.Path), "A file that holds it instead."),
            new("previousFile", One(ValueKind.Path), "The private key before it, in PEM, where the key was changed while no gateway ran: it vouches for the new one, once."),
        ]), "The key that signs checkpoints: ECDSA P-256. One that the gateway makes and keeps in `data` when absent."),
        new("keep", One(ValueKind.Duration), "How long what was said in a session stays readable after its last operation, where the connection has no `keep` of its own, as in `90d`; who did what stays. For ever when absent."),
        new("masterKey", new Section(
        [
            new("file", One(ValueKind.Path), "32 random bytes, as they are, in hexadecimal or in base64, readable by its owner only. Either this or `value`."),
            new("value", One(ValueKind.Secret), "The same as text: for `POSTERN__RECORD__MASTERKEY__VALUE`."),
            new("previousFile", One(ValueKind.Path), "The key before it, where it was changed: what that one wrapped is wrapped anew at the next start, and it is not needed again."),
        ]), "The key that the keys of sessions are wrapped with, with which what was said in them is sealed. One that the gateway makes and keeps in `data` when absent; kept elsewhere, a copy of `data` alone cannot be read."),
        new("witnesses", new MapOf(NamePattern, NameRule, new Section(
        [
            new("file", One(ValueKind.Path), "A file to append to, on a disk that whoever administers the gateway cannot change. One of `file`, `url` and `s3`."),
            new("url", One(ValueKind.Url), "Receives a POST of one line of JSON for each checkpoint."),
            new("s3", StoreKeys.S3, "A bucket in which each checkpoint becomes an object that is never written over."),
            new("token", One(ValueKind.Secret), "Sent as bearer token with it."),
            new("tokenFile", One(ValueKind.Path), "A file that holds it instead."),
        ])), "Who is told of every signed checkpoint: what a witness has heard of cannot be cut off unseen."),
        new("refuseWithoutWitness", One(ValueKind.Duration), "New work is refused when a witness has heard of nothing for longer than this. It is only said aloud when absent."),
        new("store", StoreKeys.Store, "Where the journal is kept besides `data`: it is uploaded in order, in pieces that are never written over."),
    ]);

    private static Section Holds { get; } = new(
    [
        new("webhook", new Section(
        [
            new("url", One(ValueKind.Url), "Receives a signed POST for each hold.") { IsRequired = true },
            new("secret", One(ValueKind.Secret), "Keys the signature; at least 16 characters."),
            new("secretFile", One(ValueKind.Path), "A file that holds it instead."),
        ]), "Where reviewers are told."),
        new("slack", new Section(
        [
            new("workspace", One(ValueKind.Text), "The workspace's id (`T…`); what another one sends is refused.") { IsRequired = true },
            new("channel", One(ValueKind.Text), "The channel's id (`C…`) in which reviewers are told.") { IsRequired = true },
            new("token", One(ValueKind.Secret), "The app's bot token, with `chat:write`."),
            new("tokenFile", One(ValueKind.Path), "A file that holds it instead."),
            new("signingSecret", One(ValueKind.Secret), "The app's signing secret, by which its presses of buttons are known."),
            new("signingSecretFile", One(ValueKind.Path), "A file that holds it instead."),
            new("users", new MapOf("^[UW][A-Z0-9]{1,31}$", "a member id such as `U012AB3CD`", One(ValueKind.Text)), "Who a member is: member id to `issuer:subject`. Whoever does not stand here can only follow the link."),
            new("api", One(ValueKind.Url), "Slack's API.") { Default = "https://slack.com/api" },
        ]), "A Slack channel in which reviewers are told, and can deny. The app's interactivity URL is `publicUrl` with `/hooks/slack`. Approving happens on the page."),
        new("email", new Section(
        [
            new("server", One(ValueKind.Text), "The mail server as `host:port`.") { IsRequired = true },
            new("tls", new Value(ValueKind.Choice) { Choices = ["required", "off"] }, "`required`: STARTTLS with a trusted certificate. `off`: in the clear, to loopback only.") { Default = "required" },
            new("user", One(ValueKind.Text), "Whom to sign in as there, if anybody."),
            new("password", One(ValueKind.Secret), "That user's password."),
            new("passwordFile", One(ValueKind.Path), "A file that holds it instead."),
            new("from", One(ValueKind.Text), "The sender's address.") { IsRequired = true },
            new("to", Many(ValueKind.Text), "The reviewers' addresses.") { IsRequired = true },
        ]), "Reviewers are told by e-mail: a link, and nothing that answers."),
        new("wait", One(ValueKind.Text), "How long a caller is kept waiting for people at a stretch; `none` tells it at once to come back.") { Default = "50s" },
        new("statementWait", One(ValueKind.Text), "The same for one SQL statement, whose client can do nothing else meanwhile. `wait` still caps it.") { Default = "30s" },
        new("clients", new MapOf("^[A-Za-z0-9][A-Za-z0-9 ._/@-]{0,127}$", "letters, digits, space, `.`, `_`, `/`, `@` and `-`, at most 128", One(ValueKind.Text)), "The same for clients by the name that they give themselves, for those that wait longer or shorter than Postern knows: `my-agent: 20s`. `wait` still caps it."),
    ]);

    private static Section Limits { get; } = new(
    [
        new("body", One(ValueKind.Size), "Bytes of one request on a data path; more is refused, never cut short.") { Default = "4MiB" },
        new("connections", One(ValueKind.Number), "Client connections open at once.") { Default = "10000" },
        new("children", One(ValueKind.Number), "Servers over stdio that run at once, besides one of the gateway's own for each connection.") { Default = "64" },
        new("childrenPerIdentity", One(ValueKind.Number), "Servers over stdio that run at once for one identity; the longest unused makes room for a new one.") { Default = "8" },
        new("waiting", One(ValueKind.Number), "Callers of one identity that are kept waiting for people at once; further ones are told at once to come back.") { Default = "1000" },
        new("questions", One(ValueKind.Number), "Questions of one identity that wait for people at once, operations and access together; further ones are refused with `policy.limit`.") { Default = "100" },
        new("signIn", One(ValueKind.Duration), "On a listener that is not HTTP: from the first byte to a valid token.") { Default = "15s" },
        new("signingIn", One(ValueKind.Number), "On such a listener: connections that are not signed in yet, at once.") { Default = "200" },
        new("idle", One(ValueKind.Duration), "How long a session of such a listener may be idle.") { Default = "1h" },
        new("idleInTransaction", One(ValueKind.Duration), "The same inside a transaction, whose locks others wait for; and how long a client may take nothing of an answer.") { Default = "10m" },
        new("drain", One(ValueKind.Duration), "How long a stop waits for work in flight before it cuts it.") { Default = "10s" },
    ]);

    private static Value One(ValueKind kind) => new(kind);

    private static ListOf Many(ValueKind kind) => new(new Value(kind));
}
