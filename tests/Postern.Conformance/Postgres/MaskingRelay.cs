using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Postern.Core.Masking;
using Postern.Protocols.Postgres.Masking;
using Postern.Protocols.Postgres.Sql;

namespace Postern.Conformance.Postgres;

/// <summary>
/// Stands between a real client and a real server and does nothing but mask what the server answers, so that what comes out of masks meets the
/// client's own readers. One connection after the other, without TLS.
/// </summary>
internal sealed class MaskingRelay : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _over = new();
    private readonly int _server;
    private readonly Masker _masker;
    private readonly Func<int, string, ImmutableArray<OutputColumn>> _output;
    private readonly Task _running;

    /// <param name="server">The server's port.</param>
    /// <param name="masker">The masks.</param>
    /// <param name="output">What the columns of a description come from, by their number and the first one's name; empty for rows that pass as they are.</param>
    public MaskingRelay(int server, Masker masker, Func<int, string, ImmutableArray<OutputColumn>> output)
    {
        (_server, _masker, _output) = (server, masker, output);
        _listener.Start();
        _running = RunAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _over.CancelAsync();
        _listener.Stop();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _over.Dispose();
    }

    private async Task RunAsync()
    {
        while (true)
        {
            using var client = await _listener.AcceptTcpClientAsync(_over.Token);
            using var server = new TcpClient();
            await server.ConnectAsync(IPAddress.Loopback, _server, _over.Token);
            var asked = client.GetStream().CopyToAsync(server.GetStream(), _over.Token);
            await Task.WhenAny(asked, AnswerAsync(server.GetStream(), client.GetStream()));
        }
    }

    private async Task AnswerAsync(NetworkStream server, NetworkStream client)
    {
        FrameShape? shape = RowShape.Plain;
        var header = new byte[5];
        while (await server.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, _over.Token) == header.Length)
        {
            var message = new byte[1 + BinaryPrimitives.ReadInt32BigEndian(header.AsSpan(1))];
            header.CopyTo(message, 0);
            await server.ReadExactlyAsync(message.AsMemory(header.Length), _over.Token);
            if (message[0] == 'T')
            {
                var output = _output(BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(5)), FirstName(message.AsSpan(7)));
                shape = output.IsEmpty ? null : RowShape.For(message.AsSpan(5), output);
            }
            var masked = new ArrayBufferWriter<byte>();
            // Signing in and the key are the gateway's own business.
            if (shape is null || message[0] is (byte)'R' or (byte)'K') masked.Write(message);
            else _masker.Apply(message, shape, masked);
            await client.WriteAsync(masked.WrittenMemory, _over.Token);
        }
    }

    private static string FirstName(ReadOnlySpan<byte> fields) => Encoding.UTF8.GetString(fields[..Math.Max(0, fields.IndexOf((byte)0))]);
}
