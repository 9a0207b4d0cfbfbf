using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Authentication;
using System.Text;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols.Postgres.Wire;

namespace Postern.Protocols.Postgres;

/// <summary>Who comes in, and where to.</summary>
/// <param name="Identity">What the token says.</param>
/// <param name="Connection">What the database's name says; one that nobody configured is refused like one that is not permitted.</param>
/// <param name="User">As the client wrote it: recorded, and never an identity.</param>
/// <param name="Application">The program's own name.</param>
/// <param name="Settings">What the server is told of the client's wishes.</param>
internal sealed record Admitted(Identity Identity, Connection Connection, string User, string Application, ImmutableArray<KeyValuePair<string, string>> Settings);

/// <summary>A connection's first messages, up to the identity: TLS, the startup message, the token in the password's place.</summary>
internal sealed class PostgresAdmission(PostgresGateway gateway)
{
    /// <summary>ALPN's name for the protocol.</summary>
    public const string Alpn = "postgresql";

    private const byte TlsHandshake = 0x16;
    private const int MostRequests = 3;
    private const int LongestToken = 64 * 1024;

    private readonly ProtocolServices _services = gateway.Services;

    /// <summary>Null when the connection is over: refused, or only there to cancel something.</summary>
    /// <exception cref="WireException">The bytes are not the protocol.</exception>
    public async ValueTask<Admitted?> AdmitAsync(RawClient client)
    {
        if (await client.PeekAsync().ConfigureAwait(false) is not { } first) return null;
        if (first == TlsHandshake)
        {
            if (!client.CanTls) return null;
            await client.StartTlsAsync(Alpn).ConfigureAwait(false);
        }
        var header = new byte[Startup.HeaderLength];
        for (var requests = 0; requests < MostRequests; requests++)
        {
            await client.Stream.ReadExactlyAsync(header).ConfigureAwait(false);
            var kind = Startup.KindOf(header, out var length, out var minor);
            switch (kind)
            {
                case StartupKind.Tls when client.HasTls:
                case StartupKind.Gss when client.HasTls:
                    throw new WireException("a request for encryption inside of encryption");
                case StartupKind.Tls when client.CanTls:
                    // Whatever came behind the request came in the clear, from anybody on the way (CVE-2021-23214).
                    if (client.HasUnread) return await DropAsync().ConfigureAwait(false);
                    await client.Stream.WriteAsync("S"u8.ToArray()).ConfigureAwait(false);
                    await client.StartTlsAsync(null).ConfigureAwait(false);
                    break;
                case StartupKind.Tls or StartupKind.Gss:
                    if (client.HasUnread) return await DropAsync().ConfigureAwait(false);
                    await client.Stream.WriteAsync("N"u8.ToArray()).ConfigureAwait(false);
                    break;
                case StartupKind.Cancel:
                    await CancelAsync(client).ConfigureAwait(false);
                    return null;
                default:
                    return await OpenAsync(client, length, minor).ConfigureAwait(false);
            }
        }
        throw new WireException("too many requests for encryption");
    }

    private async ValueTask<Admitted?> OpenAsync(RawClient client, int length, int minor)
    {
        if (client.NeedsTls && !client.HasTls)
        {
            // Before anything of it is read: a client that goes on in the clear would send its token next.
            return await RefuseAsync(client, SqlState.InvalidAuthorization, "this gateway is reached over TLS only; set `sslmode=require` or stricter").ConfigureAwait(false);
        }
        var body = new byte[length - Startup.HeaderLength];
        await client.Stream.ReadExactlyAsync(body).ConfigureAwait(false);
        var parameters = Startup.Read(body);
        if (minor > Startup.Minor)
        {
            // Newer clients take the lower version, without their options, and go on.
            var options = parameters.Where(parameter => parameter.Key.StartsWith("_pq_.", StringComparison.Ordinal)).Select(parameter => parameter.Key).ToList();
            using var answer = new PooledFrame(1024);
            OwnMessages.WriteVersion(answer, Startup.Minor, options);
            await client.Stream.WriteAsync(answer.Written).ConfigureAwait(false);
            parameters = [.. parameters.Where(parameter => !options.Contains(parameter.Key))];
        }
        if (StartupParameters.Check(parameters, out var user, out var database, out var application, out var settings) is { } complaint)
        {
            await gateway.Notes.NoteAsync("request.refused", "startup parameters that are not carried", "gateway").ConfigureAwait(false);
            return await RefuseAsync(client, SqlState.NotSupported, complaint).ConfigureAwait(false);
        }
        await client.Stream.WriteAsync(OwnMessages.AskForPassword).ConfigureAwait(false);
        var token = await PasswordAsync(client).ConfigureAwait(false);
        var resource = ProtectedResource.ResourceUrl(_services.PublicUrl, "/postgres/" + database);
        switch (await _services.Authenticator.AuthenticateAsync(token, resource, CancellationToken.None).ConfigureAwait(false))
        {
            case Authentication.Accepted accepted:
                return new Admitted(accepted.Identity, ConnectionOf(database), user, application, settings);
            case Authentication.Refused { IsTransient: true } refused:
                await gateway.Notes.NoteAsync("auth.refused", refused.Reason, NameOf(database)).ConfigureAwait(false);
                return await RefuseAsync(client, SqlState.Unavailable, "the issuer of this token cannot be asked at the moment; try again later").ConfigureAwait(false);
            case Authentication.Refused refused:
                await gateway.Notes.NoteAsync("auth.refused", refused.Reason, NameOf(database)).ConfigureAwait(false);
                break;
        }
        return await RefuseAsync(client, SqlState.InvalidPassword, "expected a valid access token for this gateway as the password; sign in, and use the token").ConfigureAwait(false);
    }

    // What does not exist is asked for like what does, and refused in the same words: names cannot be found out (attack P01).
    private Connection ConnectionOf(string database) =>
        _services.Connections.Find(database) is { Protocol: PostgresOperations.ProtocolName } known ? known : new Connection(NameOf(database), PostgresOperations.ProtocolName, "", []);

    // A name that a client made up is recorded; a short plain one at most.
    private string NameOf(string database) =>
        _services.Connections.Find(database) is { Protocol: PostgresOperations.ProtocolName } || (database.Length <= 63 && database.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_')) ? database : "unknown";

    private static async ValueTask<string> PasswordAsync(RawClient client)
    {
        var header = new byte[ClientMessage.HeaderLength];
        await client.Stream.ReadExactlyAsync(header).ConfigureAwait(false);
        if (header[0] != (byte)'p') throw new WireException("something else than the password that was asked for");
        var length = BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1));
        if (length is < 5 or > LongestToken) throw new WireException("a password of an impossible length");
        var body = new byte[length - 4];
        await client.Stream.ReadExactlyAsync(body).ConfigureAwait(false);
        return PasswordOf(body);
    }

    private static string PasswordOf(ReadOnlySpan<byte> body)
    {
        var fields = new Fields(body);
        var text = fields.Text();
        fields.End();
        return Encoding.UTF8.GetString(text);
    }

    private async ValueTask CancelAsync(RawClient client)
    {
        var body = new byte[sizeof(long)];
        await client.Stream.ReadExactlyAsync(body).ConfigureAwait(false);
        var session = gateway.Cancels.Find(BinaryPrimitives.ReadInt64BigEndian(body), out var mayTell);
        if (session is not null) await session.CancelAsync().ConfigureAwait(false);
        else if (mayTell) await gateway.Notes.NoteAsync("cancel.refused", "no session has this key", "gateway").ConfigureAwait(false);
    }

    // No answer: it too would be read in the clear, by a client that believes it speaks to us alone.
    private async ValueTask<Admitted?> DropAsync()
    {
        await gateway.Notes.NoteAsync("request.refused", "bytes in the clear behind a request for encryption", "gateway").ConfigureAwait(false);
        return null;
    }

    private static async ValueTask<Admitted?> RefuseAsync(RawClient client, string code, string message)
    {
        using var answer = new PooledFrame(1024);
        OwnMessages.WriteReport(answer, new Report(OwnMessages.Fatal, code, message));
        await client.Stream.WriteAsync(answer.Written).ConfigureAwait(false);
        return null;
    }

    /// <summary>Whether this fault is the connection's own end.</summary>
    public static bool IsClientsOwn(Exception fault) => fault is IOException or ObjectDisposedException or AuthenticationException or EndOfStreamException or InvalidOperationException;
}
