using System.Net;
using System.Net.Sockets;
using Postern.Core.Yaml;
using Postern.Gateway.Configuration;

// A listener: this is where sockets are opened, before anything is composed that needs to know the port.
#pragma warning disable RS0030

namespace Postern.Gateway.Listening;

/// <summary>
/// A bound socket that Kestrel takes over. Bound first, so that a taken port stops the start before anything else happens,
/// and so that port 0 has become a number when links are made.
/// </summary>
internal sealed class BoundListener : IDisposable
{
    /// <summary>What stands in the refusal of a port that somebody has.</summary>
    public const string Taken = "another program listens there";

    private const int Backlog = 512;

    private readonly Socket _socket;

    private BoundListener(Socket socket, string url)
    {
        _socket = socket;
        EndPoint = (IPEndPoint)socket.LocalEndPoint!;
        Url = new UriBuilder(url) { Port = EndPoint.Port }.Uri.GetLeftPart(UriPartial.Authority);
    }

    public IPEndPoint EndPoint { get; }

    /// <summary>With the real port; no trailing slash.</summary>
    public string Url { get; }

    /// <exception cref="GatewayStartException">The address cannot be bound.</exception>
    public static BoundListener Bind(string key, string url)
    {
        if (!GatewayOptionsCheck.TryListener(url, out var parsed, out var address)) throw new GatewayStartException([new SourceProblem(key, 0, 0, $"`{url}` is no listener address")]);
        var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, parsed.Port));
            // Only a listening socket keeps others off the port; who connects early waits until the gateway serves.
            socket.Listen(Backlog);
            return new BoundListener(socket, url);
        }
        catch (SocketException failure)
        {
            socket.Dispose();
            var why = failure.SocketErrorCode switch
            {
                SocketError.AddressAlreadyInUse => $"{Taken}; stop it or choose another port",
                SocketError.AccessDenied => "the system does not let this user listen there; choose a port above 1023",
                SocketError.AddressNotAvailable => "this machine has no such address",
                var other => $"the system refused ({other})",
            };
            throw new GatewayStartException([new SourceProblem(key, 0, 0, $"cannot listen on `{url}`: {why}")]);
        }
    }

    /// <summary>The same for a listener that is not HTTP.</summary>
    /// <exception cref="GatewayStartException">The address cannot be bound.</exception>
    public static BoundListener BindRaw(string key, string address) => Bind(key, $"http://{address}");

    /// <summary>Hands the socket to the transport, which closes it.</summary>
    public Socket Take() => _socket;

    public void Dispose() => _socket.Dispose();
}
