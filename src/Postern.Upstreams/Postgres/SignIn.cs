using System.Buffers.Binary;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Postgres;

/// <summary>How the gateway proves to a server who it is. The server chooses the way, among those that the administrator permits.</summary>
internal static class SignIn
{
    private const int Ok = 0;
    private const int Cleartext = 3;
    private const int Md5 = 5;
    private const int Sasl = 10;
    private const int SaslContinue = 11;
    private const int SaslFinal = 12;

    /// <summary>Answers the server's requests until it says that the gateway is let in.</summary>
    /// <exception cref="UpstreamException">It does not let the gateway in, or is not who it should be.</exception>
    public static async ValueTask RunAsync(PostgresTarget target, ServerFrames frames, byte[]? endPoint, Func<byte[], ValueTask> send)
    {
        ScramClient? scram = null;
        var isProven = false;
        while (true)
        {
            await frames.NextAsync().ConfigureAwait(false);
            if (frames.Type == (byte)'E')
            {
                // The code alone: the server's words may hold names that nobody but the administrator should see.
                throw new UpstreamException(RefusalCode.UpstreamUnavailable, $"the server did not let the gateway in: SQLSTATE {ServerFrames.ErrorOf(frames.Body.Span).Code}") { NothingWasSent = true };
            }
            if (frames.Type != (byte)'R' || frames.Body.Length < 4) throw ServerFrames.Invalid("the server sent something else than a request to sign in");
            var body = frames.Body[4..];
            switch (BinaryPrimitives.ReadInt32BigEndian(frames.Body.Span))
            {
                // What proves itself in both directions must have done so; a server that skips its half is somebody else.
                case Ok when scram is null || isProven:
                    return;
                case Cleartext when scram is null:
                    Require(target, PostgresMethod.Cleartext, "password");
                    await send(ClientFrames.Password(PasswordOf(target))).ConfigureAwait(false);
                    break;
                case Md5 when scram is null && body.Length == 4:
                    Require(target, PostgresMethod.Md5, "md5");
                    await send(ClientFrames.Md5Password(PasswordOf(target), target.User, body.Span)).ConfigureAwait(false);
                    break;
                case Sasl when scram is null:
                    Require(target, PostgresMethod.Scram, "scram-sha-256");
                    var (mechanism, isBound) = Choose(body.Span, endPoint is not null);
                    scram = new ScramClient(PasswordOf(target), isBound ? endPoint : null, couldBind: endPoint is not null);
                    await send(ClientFrames.SaslInitial(mechanism, scram.First())).ConfigureAwait(false);
                    break;
                case SaslContinue when scram is not null && !isProven:
                    await send(ClientFrames.SaslResponse(Checked(scram.Final, body))).ConfigureAwait(false);
                    break;
                case SaslFinal when scram is not null && !isProven:
                    Checked(
                        last =>
                        {
                            scram.Verify(last);
                            return [];
                        },
                        body);
                    isProven = true;
                    break;
                default:
                    throw ServerFrames.Invalid("the server asks for a way of signing in that is not spoken here, or in the wrong order");
            }
        }
    }

    private delegate byte[] Step(ReadOnlySpan<byte> message);

    private static byte[] Checked(Step step, ReadOnlyMemory<byte> message)
    {
        try
        {
            return step(message.Span);
        }
        catch (FormatException wrong)
        {
            throw ServerFrames.Invalid(wrong.Message);
        }
    }

    private static (string Mechanism, bool IsBound) Choose(ReadOnlySpan<byte> offered, bool canBind)
    {
        var (plain, plus) = (false, false);
        while (offered.Length > 1)
        {
            var name = ServerFrames.TextOf(ref offered);
            plain |= name == ScramClient.Plain;
            plus |= name == ScramClient.Plus;
        }
        if (plus && canBind) return (ScramClient.Plus, true);
        return plain ? (ScramClient.Plain, false) : throw ServerFrames.Invalid("the server offers no SASL mechanism that is spoken here");
    }

    private static void Require(PostgresTarget target, PostgresMethod method, string name)
    {
        if (!target.Methods.Contains(method)) throw ServerFrames.Invalid($"the server asks for the password by `{name}`, which `credential.methods` does not permit");
    }

    private static string PasswordOf(PostgresTarget target) =>
        target.Password?.Invoke() ?? throw new UpstreamException(RefusalCode.UpstreamUnavailable, "the server asks for a password, and the connection has none") { NothingWasSent = true };
}
