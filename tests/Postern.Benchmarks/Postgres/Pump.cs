using System.Buffers;
using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Win32.SafeHandles;

namespace Postern.Benchmarks.Postgres;

/// <summary>
/// The least that a .NET process can do between a PostgreSQL client and its server, TLS on both sides like every other peer: it reads and writes.
/// Run with inline socket completions. No messages are looked at after the two TLS requests. With a file it is the floor: every chunk that it
/// reads is hashed (SHA-256) and appended to the file, without waiting for the disk, before it goes on. No identity, no SQL, no policy, no masks,
/// no chain, no index: what that costs is what nothing can go below that keeps an account and is built of these parts.
/// </summary>
internal static class Pump
{
    /// <summary>How tables call the floor.</summary>
    public const string Floor = "floor: bytes hashed and kept";

    private const int BufferSize = 16 * 1024;

    /// <summary>SSLRequest: length 8, code 80877103 (PostgreSQL's protocol chapter, "SSLRequest").</summary>
    private static readonly byte[] SslRequest = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

    private static SafeFileHandle? s_kept;
    private static long s_length;

    /// <summary>Serves until it is killed.</summary>
    public static async Task RunAsync(int upstreamPort, string certificateFile, string keyFile, string authorityFile, string? keptFile = null)
    {
        if (keptFile is not null) s_kept = File.OpenHandle(keptFile, FileMode.Create, FileAccess.Write);
        using var plain = X509Certificate2.CreateFromPemFile(certificateFile, keyFile);
        // The TLS stream wants a key that is not ephemeral on some platforms; a round through PKCS #12 is the documented way.
        using var certificate = X509CertificateLoader.LoadPkcs12(plain.Export(X509ContentType.Pfx), null);
        using var authority = X509CertificateLoader.LoadCertificateFromFile(authorityFile);
        using var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen(512);
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"listening http://127.0.0.1:{((IPEndPoint)listener.LocalEndPoint!).Port}"));
        var context = SslStreamCertificateContext.Create(certificate, null, offline: true);
        while (true)
        {
            var client = await listener.AcceptAsync();
            _ = ServeAsync(client, upstreamPort, context, authority);
        }
    }

    private static async Task ServeAsync(Socket client, int upstreamPort, SslStreamCertificateContext context, X509Certificate2 authority)
    {
        using var upstream = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            client.NoDelay = true;
            await using var raw = new NetworkStream(client, ownsSocket: true);
            var request = new byte[SslRequest.Length];
            await raw.ReadExactlyAsync(request);
            if (!request.AsSpan().SequenceEqual(SslRequest)) return;
            await raw.WriteAsync("S"u8.ToArray());
            await using var near = new SslStream(raw);
            await near.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificateContext = context, EnabledSslProtocols = SslProtocols.Tls13 });

            await upstream.ConnectAsync(new IPEndPoint(IPAddress.Loopback, upstreamPort));
            await using var rawUpstream = new NetworkStream(upstream);
            await rawUpstream.WriteAsync(SslRequest);
            await rawUpstream.ReadExactlyAsync(request.AsMemory(0, 1));
            await using var far = new SslStream(rawUpstream, leaveInnerStreamOpen: false, (_, certificate, _, _) => IsSigned(certificate, authority));
            await far.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost", EnabledSslProtocols = SslProtocols.Tls13 });
            await Task.WhenAny(CopyAsync(near, far), CopyAsync(far, near));
        }
        catch (Exception e) when (e is IOException or SocketException or AuthenticationException)
        {
            // One of the two went away; so does the other.
        }
    }

    private static bool IsSigned(X509Certificate? certificate, X509Certificate2 authority)
    {
        using var chain = new X509Chain { ChainPolicy = { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck } };
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        return certificate is X509Certificate2 full && chain.Build(full);
    }

    // The digest goes behind the bytes, so that both are one write.
    private static void Keep(byte[] buffer, int length)
    {
        SHA256.HashData(buffer.AsSpan(0, length), buffer.AsSpan(length, SHA256.HashSizeInBytes));
        var kept = length + SHA256.HashSizeInBytes;
        RandomAccess.Write(s_kept!, buffer.AsSpan(0, kept), Interlocked.Add(ref s_length, kept) - kept);
    }

    private static async Task CopyAsync(SslStream from, SslStream to)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(BufferSize + SHA256.HashSizeInBytes);
        try
        {
            while (await from.ReadAsync(buffer.AsMemory(0, BufferSize)) is var read and > 0)
            {
                if (s_kept is not null) Keep(buffer, read);
                await to.WriteAsync(buffer.AsMemory(0, read));
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }
}
