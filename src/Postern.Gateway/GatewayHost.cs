using System.Collections.Frozen;
using System.Collections.Immutable;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Postern.Core.Evidence;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Pipeline;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Core.Sessions;
using Postern.Core.Yaml;
using Postern.Gateway.Api;
using Postern.Gateway.Approvals;
using Postern.Gateway.Authorization;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Gateway.Exports;
using Postern.Gateway.Grants;
using Postern.Gateway.Health;
using Postern.Gateway.Identities;
using Postern.Gateway.Identities.Logout;
using Postern.Gateway.Identities.Scim;
using Postern.Gateway.Identities.Setup;
using Postern.Gateway.Listening;
using Postern.Gateway.Notices;
using Postern.Gateway.Pages;
using Postern.Gateway.Policies;
using Postern.Gateway.Recordings.Retention;
using Postern.Gateway.Recordings;
using Postern.Gateway.Storage;
using Postern.Gateway.Telemetry;
using Postern.Protocols;
using Postern.Protocols.Postgres.Sql;
using Postern.Upstreams;
using Postern.Upstreams.Postgres;

namespace Postern.Gateway;

/// <summary>What surrounds a gateway and is not configuration.</summary>
public sealed record GatewaySurroundings
{
    /// <summary>All time comes from here.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>The protocols; null for those of the catalogue. For tests.</summary>
    internal Func<ImmutableArray<IProtocol>>? Protocols { get; init; }

    /// <summary>True to give out another one-time code for an administrator; the one before is over.</summary>
    public bool WantsSetupCode { get; init; }

    /// <summary>Tells whoever started the gateway something that is said once and never logged.</summary>
    public Action<string> Announce { get; init; } = static _ => { };

    /// <summary>Makes the files for people in an evidence bundle; null where no bundles are made.</summary>
    public ReadableForms? ReadableForms { get; init; }

    /// <summary>Where logs go.</summary>
    public ILoggerFactory Logs { get; init; } = Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance;
}

/// <summary>A running gateway. Used alike by <c>serve</c>, the demo and the tests.</summary>
public sealed partial class GatewayHost : IAsyncDisposable
{
    /// <summary>What the server is given beyond the drain time to close its connections.</summary>
    private static readonly TimeSpan StopMargin = TimeSpan.FromSeconds(5);

    private readonly Teardown _teardown;
    private int _stopped;

    private GatewayHost(string url, string publicUrl, string? managementUrl, string? postgres, Teardown teardown)
    {
        PostgresAddress = postgres;
        Url = url;
        PublicUrl = publicUrl;
        ManagementUrl = managementUrl;
        _teardown = teardown;
    }

    /// <summary>Where clients reach it, with the real port; no trailing slash.</summary>
    public string Url { get; }

    /// <summary>The base of links, and the audience of tokens; no trailing slash.</summary>
    public string PublicUrl { get; }

    /// <summary>Where clusters are served, with the real port; null when no connection is one.</summary>
    public string? KubernetesUrl { get; private init; }

    /// <summary>Where health and readiness are, or null.</summary>
    public string? ManagementUrl { get; }

    /// <summary>Address and port of the listener for PostgreSQL, with the real port; null when there is none.</summary>
    public string? PostgresAddress { get; }

    /// <summary>Starts a gateway; when the task completes, it serves.</summary>
    /// <exception cref="GatewayStartException">It cannot start; every problem that can be known is in it.</exception>
    public static async Task<GatewayHost> StartAsync(GatewayOptions options, GatewaySurroundings? surroundings = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        surroundings ??= new GatewaySurroundings();
        var teardown = new Teardown();
        try
        {
            return await ComposeAsync(options, surroundings, teardown, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            await teardown.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>Takes no more work, lets what is in flight end within the configured time, cuts the rest, and closes the journal.</summary>
    public async Task StopAsync()
    {
        if (Interlocked.Exchange(ref _stopped, 1) == 0) await _teardown.DisposeAsync().ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync() => await StopAsync().ConfigureAwait(false);

    private static async Task<GatewayHost> ComposeAsync(GatewayOptions options, GatewaySurroundings surroundings, Teardown teardown, CancellationToken cancellationToken)
    {
        var (clock, logs) = (surroundings.Clock, surroundings.Logs);

        // 1. Whatever is wrong with the options is said at once, and before anything is touched.
        var problems = GatewayOptionsCheck.Problems(options).Select(problem => new SourceProblem("configuration", 0, 0, problem.Message)).ToImmutableArray();
        if (!problems.IsEmpty) throw new GatewayStartException(problems);
        if (PostgresTargets.AreIn(options) && PostgresGrammar.Fault() is { } missing) throw new GatewayStartException([new SourceProblem("connections", 0, 0, missing)]);

        // 2. Ports, certificate, folder: what another program could have taken.
        var listener = teardown.Own(BoundListener.Bind("listen.url", options.Url));
        var management = options.Management is { } url ? teardown.Own(BoundListener.Bind("listen.management", url)) : null;
        var raw = PostgresTargets.AreIn(options) ? teardown.Own(BoundListener.BindRaw("listen.postgres.address", options.Postgres.Address)) : null;
        var certificate = options.Tls is { } tls ? teardown.Own(new ServedCertificate(tls, clock, logs.CreateLogger("Postern.Tls"))) : null;
        var rawCertificate = raw is not null && options.Postgres.Tls is { } own ? teardown.Own(new ServedCertificate(own, clock, logs.CreateLogger("Postern.Tls"))) : certificate;
        var folder = teardown.Own(DataFolder.Open(options.Data));
        var publicUrl = options.PublicUrl ?? listener.Url;
        var clusters = ClusterListener.Open(options, folder.Path, certificate, publicUrl, clock, logs, teardown);

        // 3. Stores. The journal before all else that could happen: what cannot be written down is not done.
        var database = teardown.Own(GatewayDatabase.Open(folder.Path));
        var keys = teardown.Own(await OpenKeysAsync(options, folder, clock).ConfigureAwait(false));
        var recording = RecordingOf(options, folder, keys);
        var recorder = teardown.Own(await OpenRecorderAsync(recording, clock, cancellationToken).ConfigureAwait(false));
        if (JournalKeys.FileOf(recording) is { } signingKey) teardown.Own(new WatchedSigningKey(recording, signingKey, recorder, clock, logs.CreateLogger("Postern.Record")));
        await ConfigurationTrail.FollowAsync(options, folder.Path, recorder, clock, cancellationToken).ConfigureAwait(false);
        var witnesses = WitnessesOf(options.Record, recorder, clock, logs.CreateLogger("Postern.Record"));
        if (witnesses is not null) teardown.Own(witnesses);
        // Before whoever reads the journal from its begin: what left the disk comes back from here.
        ExportBook? sinks = null;
        var upload = UploadOf(options.Record, recording, recorder, clock, logs.CreateLogger("Postern.Record"));
        if (upload is not null) teardown.Own(upload).Start();
        var local = upload is null ? null : teardown.Own(upload.KeepLocal(() => sinks?.FirstSegment ?? 1));
        local?.Start();
        var index = teardown.Own(OpenIndex(recording, recorder));
        index.ErasureOf = keys.FindErasure;
        teardown.Own(new IndexFollower(index, clock, logs.CreateLogger("Postern.Recordings")));
        var exports = sinks = teardown.Own(new ExportBook(options.Exports, recording, recorder, clock, logs.CreateLogger("Postern.Exports")));
        var holds = teardown.Own(OpenHolds(folder));
        var grantStore = teardown.Own(OpenGrants(folder));
        var notes = new RefusalNotes(recorder, clock, logs.CreateLogger("Postern.Refusals"));

        // 4. Who asks, for what, under which policy.
        var leash = teardown.Own(new Leash(clock, options.Limits.Waiting));
        var account = logs.CreateLogger("Postern.Record");
        recorder.Broken = () =>
        {
            leash.Cut(static (_, _) => true, ClearanceEnd.RecordBroken);
            RecordBroken(account, recorder.Fault ?? "");
        };
        recorder.Healed = () => RecordHealed(account);
        var around = new AuthorizationSurroundings(publicUrl, folder.Path, database, leash, recorder, notes, clock, logs);
        var authorization = await AuthorizationServer.OpenAsync(options, around, cancellationToken).ConfigureAwait(false);
        if (authorization is not null) teardown.Own(authorization);
        var authenticator = teardown.Own(new TokenAuthenticator(TrustedIssuers(options, publicUrl), clock, logs, authorization?.Tokens, revocations: leash.Revocations));
        authenticator.Introspections = IntrospectionsOf(options, authenticator, leash, clock, teardown);
        var revocations = new RevocationStore(database);
        foreach (var revocation in await revocations.LoadAsync(clock.GetUtcNow(), cancellationToken).ConfigureAwait(false)) leash.Revocations.Add(revocation);
        // What is known beyond credentials counts wherever one is used: at the door, on pages, in every decision, and in what runs.
        var roster = new Roster();
        var administrators = new Administrators(database, clock);
        await administrators.StartAsync(cancellationToken).ConfigureAwait(false);
        leash.Standing = authenticator.Standing = credential => administrators.Standing(roster.Standing(credential));
        var signIn = new BrowserSignIn(authenticator, publicUrl, clock, logs);
        var connections = new ConnectionDirectory(options.Connections);
        var protocols = surroundings.Protocols?.Invoke() ?? ProtocolCatalog.Create();
        foreach (var protocol in protocols) teardown.Own(protocol);
        var policySources = new PolicySources(options.Policy);
        var policies = teardown.Own(await PolicyStore.OpenAsync(
            policySources, PolicyWorkbench.EnvironmentOf(options, connections, protocols, publicUrl, MaskKey.ReadOrCreate(folder.Path)),
            new PolicyVersions(database), recorder, leash, clock, logs.CreateLogger("Postern.Policy"), cancellationToken).ConfigureAwait(false));

        // 5. People: where they are told, and where they answer.
        ImmutableArray<IHoldChannel> channels = [.. Notifiers(options, publicUrl).Select(notifier => teardown.Own(new NoticeChannel(notifier, holds, new NoticeOutbox(database, notifier.Name), recorder, clock, logs.CreateLogger("Postern.Notices"))))];
        var people = new People(options.People) { HasLeft = roster.HasLeft };
        authenticator.Vouched = people.Saw;
        var desk = new ApprovalDesk(holds, recorder, channels, clock, people, options.Limits.Questions);
        var grants = teardown.Own(new GrantDesk(grantStore, holds, desk, policies, leash, recorder, GatewayVocabulary.Itself(publicUrl), clock));
        desk.Follower = grants;
        await grants.StartAsync(cancellationToken).ConfigureAwait(false);
        teardown.Own(new HoldSweep(desk, grants, clock, logs.CreateLogger("Postern.Approvals")));

        // 6. The one path.
        var shared = await TellOfSharedAsync(options, recorder, clock, logs.CreateLogger("Postern.Stdio"), cancellationToken).ConfigureAwait(false);
        var stopping = teardown.Own(new CancellationTokenSource());
        var operations = teardown.Own(new OperationMetrics());
        operations.Gauge("postern.record.durable_sequence", "{record}", "The last record that survives a power loss.", () => recorder.DurableSequence);
        operations.Gauge("postern.record.well", "1", "1 while operations can be recorded.", () => recorder.Fault is null ? 1 : 0);
        operations.Gauges("postern.export.lag", "s", "How long the oldest record waits that a sink has not been sent.", exports.LagSeconds);
        if (upload is not null) operations.Gauge("postern.store.lag", "s", "How long the oldest record waits that the recording store does not have.", () => upload.Lag.TotalSeconds);
        if (upload is not null) operations.Gauge("postern.store.lag_bytes", "By", "Bytes of the journal that the recording store does not have.", () => upload.LagBytes);
        if (options.Telemetry is { } collector) teardown.Own(new OtlpTelemetry(collector));
        var sessionBook = new SessionBook(clock);
        var services = new ProtocolServices
        {
            Pipeline = new OperationPipeline(policies, recorder, desk, sessionBook, leash, publicUrl, clock, operations),
            Authenticator = authenticator,
            Connections = connections,
            Policies = policies,
            Recorder = recorder,
            Upstreams = OpenDialers(options, recorder, clock, logs.CreateLogger("Postern.Stdio"), teardown),
            Postgres = raw is null ? null : teardown.Own(new PostgresDialer(PostgresTargets.Of(options), clock)),
            Sessions = options.Limits.Sessions,
            Definitions = new DefinitionStore(database),
            Continuations = new ContinuationSeal(FolderKey.ReadOrCreate(folder.Path, "continuations.key", ContinuationSeal.KeyBytes), clock),
            LongestWait = options.Waits.Longest,
            StatementWait = options.Waits.Statement,
            ClientWaits = options.Waits.Clients,
            PublicUrl = publicUrl,
            Impersonating = options.Connections.Where(connection => connection.Impersonates).Select(connection => connection.Name).ToFrozenSet(StringComparer.Ordinal),
            AuthorizationServers = [.. options.Issuers.Select(issuer => issuer.Authority)],
            ConnectionAuthorizationServers = authorization is null ? null : [publicUrl],
            // Of several issuers nobody knows which one a client will ask.
            Scopes = options.Issuers is [var only] ? only.Scopes : [],
            AllowedOrigins = options.AllowedOrigins,
            AllowedHosts = options.AllowedHosts,
            Clock = clock,
            Logs = logs,
            Stopping = stopping.Token,
        };

        var publisher = new PolicyPublisher(policies, services.Pipeline, publicUrl, clock);
        teardown.Own(new PolicyFolder(policySources, publisher, policies.SeenAtStart, clock));

        // 7. What is served, and where.
        var hosts = new HostNames(publicUrl, listener.Url, [.. options.AllowedHosts, .. clusters?.Hosts ?? []]);
        var server = new GatewayServer(hosts, notes, logs.CreateLogger("Postern.Server")).Build(listener, options, certificate, clusters, logs, clock);
        clusters?.Map(server);
        server.MapIdentity(signIn, services);
        authorization?.Map(server, authenticator);
        foreach (var protocol in protocols) protocol.Map(server, services);
        hosts.Lead(LeadingIn(options, protocols));
        var pages = new SignedPages(signIn, notes);
        new HoldPages(holds, desk, pages, notes, clock).Map(server);
        if (options.Slack is { } slack) new SlackInteractions(slack, desk, people, notes, clock).Map(server);
        new GrantPages(grants, grantStore, policies, pages, publicUrl, clock).Map(server);
        var ownActs = new OwnOperations(services.Pipeline, publicUrl, clock);
        var revoking = new IdentityRevocation(new RevocationParts(leash, revocations, signIn, desk, grants, people, protocols, ownActs, recorder, Longer(authenticator.LongestLife, authorization?.SignInLife), clock));
        foreach (var introspection in authenticator.Introspections.Values) introspection.Ended = revoking.EndedThereAsync;
        var eraser = teardown.Own(new SessionEraser(new ErasingParts(keys, index, holds, recorder, sessionBook, clock)));
        await eraser.FinishAllAsync(cancellationToken).ConfigureAwait(false);
        var retention = new RetentionPass(keys, index, eraser, ownActs, KeepTimesOf(options), clock);
        new SetupPages(administrators, ownActs, pages, notes).Map(server);
        new LogoutEndpoint(authenticator, revoking, notes, clock).Map(server);
        await ServeDirectoriesAsync(server, options, authenticator, publicUrl, notes, new ScimParts(new ScimStore(database), roster, leash, revoking, grants, ownActs), teardown, cancellationToken).ConfigureAwait(false);
        var control = new ControlParts(connections, policies, holds, desk, services.Definitions, AcceptOf(protocols), CheckOf(protocols), publicUrl, UrlOf(publicUrl, clusters?.Url, raw?.EndPoint.ToString()), clock);
        var questions = new QuestionParts(policies, new PolicyEnvironment
        {
            Vocabularies = policies.Environment.Vocabularies,
            Connections = policies.Environment.Connections,
            Issuers = policies.Environment.Issuers,
            HashKey = policies.Environment.HashKey,
            Definitions = DefinitionsOf(protocols),
        }, new DecisionExplainer(policies, grantStore, index), publicUrl, clock);
        new ApiServer(new ApiGround(new ApiSignIn(authenticator, signIn, notes, publicUrl), services.Pipeline, policies, recorder, notes, publicUrl, clock)).Map(server,
        [
            .. ControlRoutes.Of(control),
            .. ToolRoutes.Of(new ToolParts(connections, policies, OffersOf(protocols, policies), clock)),
            .. RevocationRoutes.Of(new RevocationRouteParts(revoking, authenticator.IssuerNames)),
            .. PolicyRoutes.Of(publisher, teardown.Own(new PolicySimulator(policies, index, recorder, clock)), publicUrl, clock),
            .. QuestionRoutes.Of(questions),
            .. RecordingRoutes.Of(index, new SessionEnding(sessionBook, leash, recorder, clock)),
            BundleRoute.Of(teardown.Own(new SessionBundles(recording, keys, index, recorder, surroundings.ReadableForms, clock))),
            .. RetentionRoutes.Of(new RetentionRouteParts(eraser, keys, clock)),
            .. GrantRoutes.Of(new GrantParts(grants, grantStore, policies, publicUrl, clock)),
        ]);

        // 8. Health, and the stop: no more work, what is in flight ends or is cut, then everything above in reverse.
        var readiness = new Readiness(
        [
            new ReadinessCheck("record", _ => ValueTask.FromResult(recorder.Fault)),
            new ReadinessCheck("database", database.ComplaintAsync),
            new ReadinessCheck("issuers", authenticator.ComplaintAsync),
            new ReadinessCheck("certificate", _ => ValueTask.FromResult(certificate?.Complaint(clock.GetUtcNow()))),
            new ReadinessCheck("witnesses", _ => ValueTask.FromResult(witnesses?.Complaint())) { IsWarning = true },
            new ReadinessCheck("retention", _ => ValueTask.FromResult(retention.Complaint)) { IsWarning = true },
            new ReadinessCheck("shared", _ => ValueTask.FromResult(shared)) { IsWarning = true },
            new ReadinessCheck("exports", _ => ValueTask.FromResult(exports.Complaint)) { IsWarning = true },
            new ReadinessCheck("store", _ => ValueTask.FromResult(upload?.Complaint ?? local?.Complaint)) { IsWarning = true },
            new ReadinessCheck("policy", _ => ValueTask.FromResult(policies.Status.Complaint)) { IsWarning = true },
        ]);
        if (management is not null) await RunAsync(ManagementServer.Build(management, readiness, new GatewayMetrics(operations, holds, policies, recorder, witnesses, exports, upload, clock), logs), teardown, cancellationToken).ConfigureAwait(false);
        var sessions = raw is null ? null : teardown.Own(RawListenerOf(raw, protocols, rawCertificate, options, clock, logs));
        teardown.Own(server);
        await server.StartAsync(cancellationToken).ConfigureAwait(false);
        teardown.Add(async () =>
        {
            readiness.Stop();
            await stopping.CancelAsync().ConfigureAwait(false);
            using var patience = new CancellationTokenSource(options.Limits.Drain + StopMargin, clock);
            await Task.WhenAll(leash.StopAsync(options.Limits.Drain).AsTask(), server.StopAsync(patience.Token), sessions?.StopAsync(options.Limits.Drain + StopMargin) ?? Task.CompletedTask).ConfigureAwait(false);
        });
        sessions?.Start();
        teardown.Own(new RetentionRounds(retention, eraser, new FoldingPass(keys, index, recorder, recording.JournalFolder, clock), clock, logs.CreateLogger("Postern.Recordings")));
        var isOfUse = policies.Status.Applied is { Files: { IsDefault: false } files } && files.Any(file => file.Text.Contains(Administrators.Group, StringComparison.Ordinal));
        if (await administrators.OfferAsync(surroundings.WantsSetupCode, isOfUse, cancellationToken).ConfigureAwait(false) is { } code)
        {
            surroundings.Announce($"whoever types the code {code} at {publicUrl}/setup within {Administrators.CodeLife.TotalHours:0} hours becomes an administrator; it is not shown again{(isOfUse ? "" : $"; no rule speaks of `{Administrators.Group}` yet, so it gives nothing")}");
        }
        return new GatewayHost(listener.Url, publicUrl, management?.Url, raw?.EndPoint.ToString(), teardown) { KubernetesUrl = clusters?.Url };
    }

    private static TimeSpan Longer(TimeSpan life, TimeSpan? other) => other > life ? other.Value : life;

    private static async Task RunAsync(WebApplication server, Teardown teardown, CancellationToken cancellationToken)
    {
        teardown.Own(server);
        await server.StartAsync(cancellationToken).ConfigureAwait(false);
    }

    [LoggerMessage(EventId = 160, Level = LogLevel.Critical, Message = "nothing is accepted, because nothing can be recorded: {Fault}")]
    private static partial void RecordBroken(ILogger log, string fault);

    [LoggerMessage(EventId = 161, Level = LogLevel.Warning, Message = "the record goes on; work is accepted again")]
    private static partial void RecordHealed(ILogger log);
}
