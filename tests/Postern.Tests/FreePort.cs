using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;

namespace Postern.Tests;

/// <summary>
/// A port for a server that has to be told one. Below those that the system gives to whoever asks for any (from 32,768 on), so that no connection
/// of another test takes it between now and then; never the same twice in a process.
/// </summary>
internal static class FreePort
{
    private static readonly ConcurrentDictionary<int, bool> s_taken = new();

    public static int Take()
    {
        while (true)
        {
            var port = Random.Shared.Next(15_000, 32_000);
            if (!s_taken.TryAdd(port, true)) continue;
            try
            {
                using var probe = new TcpListener(IPAddress.Loopback, port);
                probe.Start();
                return port;
            }
            catch (SocketException)
            {
                // Somebody else's; another one.
            }
        }
    }
}
