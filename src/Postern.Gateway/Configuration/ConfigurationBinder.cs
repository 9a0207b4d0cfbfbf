using System.Collections.Immutable;
using System.Net;
using Postern.Core.Yaml;
using Postern.Gateway.Connections;
using Postern.Gateway.Identities;
using Postern.Protocols;
using Postern.Upstreams;

namespace Postern.Gateway.Configuration;

/// <summary>
/// Turns checked nodes into options. Values that the check refused count as absent here: their problem is already noted.
/// </summary>
internal sealed partial class ConfigurationBinder(string folder, ICollection<SourceProblem> problems)
{
    private const int LongestSecret = 64 * 1024;
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    public GatewayOptions Bind(YamlNode root, ConfigurationShape.Section shape)
    {
        var top = new Reader(root, shape, folder);
        var listen = top.Section("listen");
        var record = top.Section("record");
        var limits = top.Section("limits");
        var defaults = new LimitOptions();
        return new GatewayOptions
        {
            Url = listen.Text("url")!.TrimEnd('/'),
            Management = listen.Text("management") is { } management && management != "none" ? management.TrimEnd('/') : null,
            Kubernetes = listen.Text("kubernetes") is { } kubernetes && kubernetes != "none" ? kubernetes.TrimEnd('/') : null,
            Tls = listen.Has("tls") && listen.Section("tls") is var tls && tls.Path("certificate") is { } certificate && tls.Path("key") is { } key ? new TlsOptions(certificate, key) : null,
            Postgres = PostgresListener(listen.Section("postgres")),
            PublicUrl = top.Text("publicUrl")?.TrimEnd('/'),
            BehindProxy = [.. top.List("behindProxy").Where(text => IPNetwork.TryParse(text, out _)).Select(IPNetwork.Parse)],
            Data = top.Path("data")!,
            Issuers = [.. top.Map("issuers").Select(entry => Issuer(entry.Name, entry.Reader))],
            Connections = [.. top.Map("connections").Select(entry => Connection(entry.Name, entry.Reader))],
            Policy = [.. top.List("policy").Select(path => System.IO.Path.GetFullPath(path, folder))],
            Record = new RecordOptions(record.Text("durability") != "relaxed", record.Size("content") ?? new RecordOptions().ContentBytes)
            {
                Heartbeat = record.Duration("heartbeat") ?? new RecordOptions().Heartbeat,
                Key = record.Has("signingKey") ? SigningKey(record.Section("signingKey")) : null,
                Keep = record.Duration("keep"),
                MasterKey = record.Has("masterKey") && record.Section("masterKey") is var master ? new MasterKeyOptions(master.Path("file"), master.Text("value"), master.Path("previousFile")) : null,
                Witnesses = [.. record.Map("witnesses").Select(entry => new WitnessOptions(entry.Name, entry.Reader.Path("file"), entry.Reader.Text("url"), Secret(entry.Reader, "token")) { S3 = entry.Reader.Has("s3") ? Bucket(entry.Reader.Section("s3")) : null })],
                RefuseWithoutWitness = record.Duration("refuseWithoutWitness"),
                Store = record.Has("store") ? Store(record.Section("store")) : null,
            },
            Exports = [.. top.Map("exports").Select(entry => Export(entry.Name, entry.Reader)).OfType<ExportOptions>()],
            Telemetry = Telemetry(top),
            Log = new LogOptions(top.Section("log").Text("format") == "json", Enum.Parse<Microsoft.Extensions.Logging.LogLevel>(top.Section("log").Text("level")!, ignoreCase: true)),
            Webhook = Webhook(top.Section("holds")),
            Slack = Slack(top.Section("holds")),
            Email = Email(top.Section("holds")),
            Waits = Waits(top.Section("holds")),
            People = [.. (top.Find("people")?.Entries ?? []).Select(person => person.Value.Items.Where(item => item.Kind == YamlKind.Scalar && !item.IsNull).Select(item => item.Text).ToImmutableArray())],
            Limits = new LimitOptions
            {
                Body = limits.Size("body") ?? defaults.Body,
                Connections = limits.Number("connections") ?? defaults.Connections,
                Children = limits.Number("children") ?? defaults.Children,
                ChildrenPerIdentity = limits.Number("childrenPerIdentity") ?? defaults.ChildrenPerIdentity,
                Waiting = limits.Number("waiting") ?? defaults.Waiting,
                Questions = limits.Number("questions") ?? defaults.Questions,
                SigningIn = limits.Number("signingIn") ?? defaults.SigningIn,
                Sessions = new SessionLimits
                {
                    SignIn = limits.Duration("signIn") ?? defaults.Sessions.SignIn,
                    Idle = limits.Duration("idle") ?? defaults.Sessions.Idle,
                    IdleInTransaction = limits.Duration("idleInTransaction") ?? defaults.Sessions.IdleInTransaction,
                },
                Drain = limits.Duration("drain") ?? defaults.Drain,
            },
            Authorization = Authorization(top),
            AllowedOrigins = [.. top.List("allowedOrigins").Select(origin => origin.TrimEnd('/'))],
            AllowedHosts = top.List("allowedHosts"),
        };
    }

    private static readonly IssuerOptions _issuerDefaults = new() { Name = "", Authority = "" };

    private IssuerOptions Issuer(string name, Reader issuer)
    {
        if (name == TrustedIssuer.ReservedName) problems.Add(issuer.Node.Problem($"`{name}` stands for the gateway itself; give the issuer another name"));
        return new IssuerOptions
        {
            Name = name,
            Authority = issuer.Text("authority") ?? "",
            Preset = issuer.Text("preset"),
            Audience = issuer.Text("audience"),
            Audiences = issuer.List("audiences"),
            Tenants = issuer.List("tenants"),
            Directory = Directory(issuer),
            ClientId = issuer.Text("clientId"),
            ClientSecret = Secret(issuer, "clientSecret"),
            Scim = Scim(issuer),
            Introspection = Introspection(issuer),
            GroupsClaim = issuer.Has("groupsClaim") ? issuer.Text("groupsClaim") : null,
            RolesClaim = issuer.Text("rolesClaim"),
            Algorithms = issuer.Has("algorithms") ? issuer.List("algorithms") : default,
            Types = issuer.Has("types") ? issuer.List("types") : default,
            Names = [.. issuer.TextMap("names")],
            ClockSkew = issuer.Duration("clockSkew") ?? _issuerDefaults.ClockSkew,
            TokenLife = issuer.Duration("tokenLife") ?? _issuerDefaults.TokenLife,
            RequiredClaims = [.. issuer.TextMap("requiredClaims")],
            Scopes = issuer.List("scopes"),
            WorkloadClaims = issuer.Has("workloadClaims") ? [.. issuer.TextMap("workloadClaims")] : default,
        };
    }

    private DirectoryOptions? Directory(Reader issuer)
    {
        if (!issuer.Has("directory")) return null;
        var directory = issuer.Section("directory");
        var secret = Secret(directory, "clientSecret");
        if (secret is null && !directory.Has("clientSecret") && !directory.Has("clientSecretFile")) problems.Add(directory.Node.Problem("a directory needs `clientSecret` or `clientSecretFile`"));
        return directory.Text("url") is { } url && directory.Text("clientId") is { } client && secret is not null ? new DirectoryOptions(url, client, secret) { TokenUrl = directory.Text("tokenUrl") } : null;
    }

    private ScimOptions? Scim(Reader issuer)
    {
        if (!issuer.Has("scim")) return null;
        var scim = issuer.Section("scim");
        var token = Secret(scim, "token");
        if (token is null && !scim.Has("token") && !scim.Has("tokenFile")) problems.Add(scim.Node.Problem("a directory needs `token` or `tokenFile`: without it anybody could disable anybody"));
        else if (token is { Length: < 32 }) problems.Add(scim.Node.Problem($"the token of a directory is too short: expected 32 characters or more, found {token.Length}"));
        return token is null ? null : new ScimOptions(token, scim.Text("subject")!);
    }

    private IntrospectionOptions? Introspection(Reader issuer)
    {
        if (!issuer.Has("introspection")) return null;
        var introspection = issuer.Section("introspection");
        var secret = Secret(introspection, "clientSecret");
        if (secret is null && !introspection.Has("clientSecret") && !introspection.Has("clientSecretFile")) problems.Add(introspection.Node.Problem("introspection needs `clientSecret` or `clientSecretFile`"));
        return introspection.Text("url") is { } url && introspection.Text("clientId") is { } client && secret is not null
            ? new IntrospectionOptions(url, client, secret) { Every = introspection.Duration("every")!.Value, MaxStale = introspection.Duration("maxStale")!.Value }
            : null;
    }

    private ConnectionOptions Connection(string name, Reader connection)
    {
        var credential = connection.Section("credential");
        var value = connection.Has("credential") ? Secret(credential, "value") : null;
        var isPostgres = connection.Text("protocol") == PostgresTargets.Protocol;
        if (connection.Has("credential") && !isPostgres && value is null && !credential.Has("value") && !credential.Has("valueFile"))
        {
            problems.Add(credential.Node.Problem("a credential needs `value` or `valueFile`"));
        }
        return new ConnectionOptions
        {
            Name = name,
            Protocol = connection.Text("protocol") ?? "",
            Url = connection.Text("url") ?? "",
            Stdio = connection.Has("stdio") ? Stdio(connection.Section("stdio")) : null,
            OpenApi = connection.Path("openapi"),
            HostNames = connection.List("hostnames"),
            IsHttp2 = connection.Text("http2") == "true",
            Tags = connection.List("tags"),
            Keep = connection.Duration("keep"),
            Postgres = isPostgres ? Postgres(connection, credential) : null,
            Credential = value is null ? null : new CredentialOptions(credential.Text("header")!, value),
            Authorities = isPostgres ? null : connection.Section("tls").Path("ca"),
            Impersonates = connection.Text("impersonate") == "true",
            Patience = Patience(connection.Section("timeouts")),
        };
    }

    private static PostgresListenOptions PostgresListener(Reader postgres) => new()
    {
        Address = postgres.Text("address")!,
        NeedsTls = postgres.Text("tls") != "optional",
        Tls = postgres.Path("certificate") is { } certificate && postgres.Path("key") is { } key ? new TlsOptions(certificate, key) : null,
    };

    private PostgresTargetOptions? Postgres(Reader connection, Reader credential)
    {
        if (credential.Text("user") is not { } user)
        {
            problems.Add(connection.Node.Problem("a `postgres` connection needs `credential.user`, the role that the gateway signs in as"));
            return null;
        }
        var tls = connection.Section("tls");
        return new PostgresTargetOptions(user, Secret(credential, "password"))
        {
            UsesTls = tls.Text("mode") != "off",
            Roots = tls.Path("ca"),
            Methods = [.. credential.List("methods").Select(PostgresTargets.MethodOf)],
        };
    }

    private static UpstreamPatience Patience(Reader timeouts)
    {
        var defaults = new UpstreamPatience();
        return new UpstreamPatience
        {
            Connect = timeouts.Duration("connect") ?? defaults.Connect,
            Head = timeouts.Duration("head") ?? defaults.Head,
            Idle = timeouts.Duration("idle") ?? defaults.Idle,
            Message = timeouts.Duration("message") ?? defaults.Message,
            Silence = timeouts.Duration("silence") ?? defaults.Silence,
        };
    }

    private StdioOptions? Stdio(Reader stdio)
    {
        var environment = ImmutableArray.CreateBuilder<KeyValuePair<string, string>>();
        foreach (var (name, variable) in stdio.Map("environment"))
        {
            if (!variable.Has("value") && !variable.Has("valueFile")) problems.Add((stdio.Find("environment")?.Find(name) ?? stdio.Node).Problem($"`{name}` needs `value` or `valueFile`"));
            else if (Secret(variable, "value") is { } value) environment.Add(new(name, value));
        }
        return stdio.Text("command") is not { } command ? null : new StdioOptions
        {
            Command = command,
            Arguments = stdio.List("args"),
            Folder = stdio.Path("folder")!,
            Environment = environment.DrainToImmutable(),
            State = stdio.Path("state"),
            Idle = stdio.Duration("idle") ?? TimeSpan.FromMinutes(10),
            LogsErrors = stdio.Text("stderr") != "drop",
            IsShared = stdio.Text("shared") == "true",
        };
    }

    private WaitOptions Waits(Reader holds) => new()
    {
        Statement = Wait(holds.Find("statementWait"), holds.Text("statementWait")!),
        Longest = Wait(holds.Find("wait"), holds.Text("wait")!),
        Clients = holds.TextMap("clients").ToDictionary(client => client.Key, client => Wait(holds.Find("clients")?.Find(client.Key), client.Value), StringComparer.Ordinal),
    };

    private TimeSpan Wait(YamlNode? node, string text)
    {
        if (text == "none") return TimeSpan.Zero;
        if (ConfigurationValue.TryDuration(text, out var span) && span <= LongestWait) return span;
        if (node is not null) problems.Add(node.Problem($"expected a time span such as `20s`, at most {LongestWait.TotalMinutes} minutes, or `none`, found `{text}`"));
        return TimeSpan.Zero;
    }

    private SlackOptions? Slack(Reader holds)
    {
        if (!holds.Has("slack")) return null;
        var slack = holds.Section("slack");
        var (token, secret) = (Secret(slack, "token"), Secret(slack, "signingSecret"));
        if (token is null && !slack.Has("token") && !slack.Has("tokenFile")) problems.Add(slack.Node.Problem("Slack needs `token` or `tokenFile`"));
        if (secret is null && !slack.Has("signingSecret") && !slack.Has("signingSecretFile")) problems.Add(slack.Node.Problem("Slack needs `signingSecret` or `signingSecretFile`: an unsigned press could come from anyone"));
        return slack.Text("workspace") is { } workspace && slack.Text("channel") is { } channel && token is not null && secret is not null
            ? new SlackOptions(workspace, channel, token, secret) { Users = slack.TextMap("users").ToDictionary(StringComparer.Ordinal), Api = slack.Text("api")! }
            : null;
    }

    private EmailOptions? Email(Reader holds)
    {
        if (!holds.Has("email")) return null;
        var email = holds.Section("email");
        if (email.Text("server") is not { } server || email.Text("from") is not { } from) return null;
        var colon = server.LastIndexOf(':');
        if (colon <= 0 || !ushort.TryParse(server.AsSpan(colon + 1), System.Globalization.NumberStyles.None, System.Globalization.CultureInfo.InvariantCulture, out var port) || port == 0)
        {
            problems.Add((email.Find("server") ?? email.Node).Problem($"expected `host:port`, found `{server}`"));
            return null;
        }
        return new EmailOptions(server[..colon], port, from, email.List("to")) { UsesTls = email.Text("tls") != "off", User = email.Text("user"), Password = Secret(email, "password") };
    }

    private Core.Recording.JournalKeyOptions SigningKey(Reader key) => new()
    {
        File = key.Path("file"),
        Pem = key.Text("value"),
        Pkcs12 = key.Path("pkcs12"),
        Password = Secret(key, "password"),
        PreviousFile = key.Path("previousFile"),
    };

    private WebhookOptions? Webhook(Reader holds)
    {
        if (!holds.Has("webhook")) return null;
        var webhook = holds.Section("webhook");
        var secret = Secret(webhook, "secret");
        if (secret is null && !webhook.Has("secret") && !webhook.Has("secretFile")) problems.Add(webhook.Node.Problem("a webhook needs `secret` or `secretFile`: an unsigned notice could come from anyone"));
        return webhook.Text("url") is { } url && secret is not null ? new WebhookOptions(url, secret) : null;
    }

    /// <summary>The value of a secret, from its key or from the file that the key with <c>File</c> names; read once, here.</summary>
    private string? Secret(Reader section, string name)
    {
        if (section.Find(name + "File") is not { Kind: YamlKind.Scalar } file) return section.Text(name);
        if (section.Has(name))
        {
            problems.Add(file.Problem($"both `{name}` and `{name}File` are given; keep one"));
            return null;
        }
        var path = System.IO.Path.GetFullPath(file.Text, folder);
        try
        {
            var text = new FileInfo(path) is { Exists: true, Length: <= LongestSecret } ? File.ReadAllText(path).TrimEnd('\r', '\n') : null;
            if (text is null) problems.Add(file.Problem($"cannot read `{path}`: expected a file of at most {LongestSecret} bytes"));
            else if (text.Length == 0) problems.Add(file.Problem($"`{path}` is empty; expected the secret in it"));
            else if (text.AsSpan().ContainsAnyInRange('\0', '\x1F')) problems.Add(file.Problem($"`{path}` holds control characters or several lines; expected the secret alone"));
            else return text;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            problems.Add(file.Problem($"cannot read `{path}`: {(unreadable is UnauthorizedAccessException ? "no permission" : "input or output error")}"));
        }
        return null;
    }

    /// <summary>Reads the keys of one section; a default comes from the key table.</summary>
    private sealed class Reader(YamlNode? node, ConfigurationShape.Section shape, string folder)
    {
        private static readonly YamlNode _nothing = new() { Kind = YamlKind.Mapping, File = "configuration", Line = 0, Column = 0 };

        public YamlNode Node { get; } = node is { Kind: YamlKind.Mapping } ? node : _nothing;

        public YamlNode? Find(string name) => Node.Find(name);

        public bool Has(string name) => Find(name) is not null;

        public string? Text(string name)
        {
            var key = Key(name);
            return Find(name) is { Kind: YamlKind.Scalar, IsNull: false } found && key.Shape is ConfigurationShape.Value value && ConfigurationValue.Expectation(value, found.Text) is null ? found.Text : key.Default;
        }

        public string? Path(string name) => Text(name) is { } path ? System.IO.Path.GetFullPath(path, folder) : null;

        public int? Size(string name) => Text(name) is { } text && ConfigurationValue.TrySize(text, out var bytes) ? bytes : null;

        public long? Volume(string name) => Text(name) is { } text && ConfigurationValue.TryVolume(text, out var bytes) ? bytes : null;

        public int? Number(string name) => int.TryParse(Text(name), out var number) ? number : null;

        public TimeSpan? Duration(string name) => Text(name) is { } text && ConfigurationValue.TryDuration(text, out var span) ? span : null;

        public ImmutableArray<string> List(string name) => Find(name) is { Kind: YamlKind.Sequence } list
            ? [.. list.Items.Where(item => item.Kind == YamlKind.Scalar && !item.IsNull).Select(item => item.Text)]
            : Key(name).Default is { } written ? [.. written.Split(", ")] : [];

        public Reader Section(string name) => new(Find(name), (ConfigurationShape.Section)Key(name).Shape, folder);

        public IEnumerable<(string Name, Reader Reader)> Map(string name)
        {
            var item = (ConfigurationShape.Section)((ConfigurationShape.MapOf)Key(name).Shape).Item;
            return (Find(name)?.Entries ?? []).Select(entry => (entry.Key.Text, new Reader(entry.Value, item, folder)));
        }

        public IEnumerable<KeyValuePair<string, string>> TextMap(string name) =>
            (Find(name)?.Entries ?? []).Where(entry => entry.Value.Kind == YamlKind.Scalar).Select(entry => KeyValuePair.Create(entry.Key.Text, entry.Value.Text));

        private ConfigurationKey Key(string name) => shape.Find(name) ?? throw new ArgumentException($"the key table has no `{name}`", nameof(name));
    }
}
