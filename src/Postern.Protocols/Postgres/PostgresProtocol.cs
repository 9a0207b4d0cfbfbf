using Microsoft.AspNetCore.Routing;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Postgres.Sql;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>PostgreSQL's protocol 3.0, on a listener of its own.</summary>
public sealed class PostgresProtocol : IRawProtocol, IDisposable
{
    private readonly Func<ProtocolServices, IStatementReader> _statements;
    private PostgresGateway? _gateway;
    private PostgresAdmission? _admission;

    /// <summary>Made for one gateway.</summary>
    public PostgresProtocol()
        : this(static _ => StatementTexts.Shared)
    {
    }

    internal PostgresProtocol(Func<ProtocolServices, IStatementReader> statements) => _statements = statements;

    /// <inheritdoc/>
    public string Name => PostgresOperations.ProtocolName;

    /// <inheritdoc/>
    public Vocabulary Vocabulary => SqlVocabulary.Instance;

    /// <inheritdoc/>
    public void Map(IEndpointRouteBuilder endpoints, ProtocolServices services)
    {
        ArgumentNullException.ThrowIfNull(services);
        if (services.Postgres is null) return;
        _gateway = new PostgresGateway(services, _statements(services));
        _admission = new PostgresAdmission(_gateway);
    }

    /// <inheritdoc/>
    public async ValueTask<TargetAnswer?> AskTargetAsync(ProtocolServices services, Connection connection, CancellationToken cancellationToken) =>
        await PostgresTargetErrand.AskAsync(services, connection, cancellationToken).ConfigureAwait(false);

    /// <inheritdoc/>
    public void EndSessions(string identityKey)
    {
        foreach (var session in _gateway?.Idle.Sessions ?? [])
        {
            if (string.Equals(session.IdentityKey, identityKey, StringComparison.Ordinal)) session.End(SessionEnd.Cut);
        }
    }

    /// <inheritdoc/>
    public async Task ServeAsync(RawClient client)
    {
        ArgumentNullException.ThrowIfNull(client);
        var (gateway, admission) = (_gateway ?? throw new InvalidOperationException("the protocol is not mapped yet"), _admission!);
        try
        {
            if (await AdmitAsync(gateway, admission, client).ConfigureAwait(false) is not { } admitted) return;
            client.SignedIn();
            using var session = new PostgresSession(gateway, client, admitted);
            await session.RunAsync().ConfigureAwait(false);
        }
        catch (Exception fault) when (PostgresAdmission.IsClientsOwn(fault))
        {
            // It left, or never spoke TLS; what it asked before is recorded where it was asked.
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _gateway?.Dispose();

    private static async ValueTask<Admitted?> AdmitAsync(PostgresGateway gateway, PostgresAdmission admission, RawClient client)
    {
        // Until somebody is known to be there, a connection costs little and not for long.
        using var patience = new CancellationTokenSource(gateway.Services.Sessions.SignIn, gateway.Services.Clock);
        using var abort = patience.Token.UnsafeRegister(static state => ((RawClient)state!).Abort(), client);
        try
        {
            return await admission.AdmitAsync(client).ConfigureAwait(false);
        }
        catch (WireException violation)
        {
            await gateway.Notes.NoteAsync("request.refused", violation.Message, "gateway").ConfigureAwait(false);
            using var answer = new PooledFrame(1024);
            OwnMessages.WriteReport(answer, new Report(OwnMessages.Fatal, SqlState.ProtocolViolation, violation.Message));
            await client.Stream.WriteAsync(answer.Written).ConfigureAwait(false);
            return null;
        }
    }
}
