using System.Net;
using System.Net.Http.Headers;
using System.Net.Sockets;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Operations;
using Postern.Gateway.Configuration;
using Postern.Gateway.Listening;
using Postern.Protocols;

namespace Postern.Tests.Gateway.Listening;

/// <summary>Connections of people who say nothing fill their number; whoever is in goes on, and the operator still gets through.</summary>
[Row("D06")]
[Guarantee("G16")]
public sealed class ConnectionFloodTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Test => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Over_HTTP_no_more_are_open_than_may_be_and_management_has_a_door_of_its_own()
    {
        const int Most = 12;
        await using var gateway = await RunningGateway.StartAsync(limits: new LimitOptions { Connections = Most, Drain = TimeSpan.FromSeconds(1) });
        using var inside = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = 1 });
        inside.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", gateway.TokenOf("alice"));
        var question = new Uri($"{gateway.Host.Url}/api/v1/whoami");
        using (var first = await inside.GetAsync(question, Test)) Assert.Equal(HttpStatusCode.OK, first.StatusCode);

        var silent = await FloodAsync(question, 3 * Most);

        await EventuallyAsync(() => silent.Count(socket => !IsClosed(socket)) == Most - 1);
        using (var second = await inside.GetAsync(question, Test)) Assert.Equal(HttpStatusCode.OK, second.StatusCode);
        using var operating = new HttpClient();
        using (var ready = await operating.GetAsync($"{gateway.Host.ManagementUrl}/readyz", Test)) Assert.Equal(HttpStatusCode.OK, ready.StatusCode);

        foreach (var socket in silent) socket.Dispose();
        await EventuallyAsync(async () =>
        {
            using var next = new HttpClient();
            try
            {
                using var answer = await next.GetAsync(question, Test);
                return answer.StatusCode == HttpStatusCode.Unauthorized;
            }
            catch (HttpRequestException)
            {
                return false;
            }
        });
    }

    [Fact]
    public async Task Elsewhere_few_may_stand_at_the_door_and_whoever_was_let_in_does_not()
    {
        var door = new Door();
        using var bound = BoundListener.BindRaw("door", "127.0.0.1:0");
        await using var listener = new RawListener(bound, door, new RawListenerLimits(Connections: 6, SigningIn: 4), certificate: null, needsTls: false, TimeProvider.System, NullLogger.Instance);
        listener.Start();
        var address = new Uri($"tcp://{bound.EndPoint}");

        var early = await FloodAsync(address, 12);

        await EventuallyAsync(() => early.Count(socket => !IsClosed(socket)) == 4);
        // Two of them say who they are: so many may come to the door again, and no more than six are there in all.
        foreach (var socket in early.Where(socket => !IsClosed(socket)).Take(2)) await socket.SendAsync("a"u8.ToArray(), Test);
        await EventuallyAsync(() => door.Inside == 2);
        var late = await FloodAsync(address, 12);
        await EventuallyAsync(() => late.Count(socket => !IsClosed(socket)) == 2);
        Assert.Equal(4, early.Count(socket => !IsClosed(socket)));

        foreach (var socket in (Socket[])[.. early, .. late]) socket.Dispose();
    }

    private static async Task<Socket[]> FloodAsync(Uri address, int count)
    {
        var sockets = new Socket[count];
        for (var i = 0; i < count; i++)
        {
            sockets[i] = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            await sockets[i].ConnectAsync(IPAddress.Loopback, address.Port, Test);
        }
        return sockets;
    }

    /// <summary>Closed from the other side: there is something to read, and it is the end.</summary>
    private static bool IsClosed(Socket socket)
    {
        try
        {
            return socket.Poll(TimeSpan.Zero, SelectMode.SelectRead) && socket.Receive(new byte[1], SocketFlags.Peek) == 0;
        }
        catch (SocketException)
        {
            return true;
        }
    }

    private static Task EventuallyAsync(Func<bool> isSo) => EventuallyAsync(() => Task.FromResult(isSo()));

    private static async Task EventuallyAsync(Func<Task<bool>> isSo)
    {
        var end = DateTime.UtcNow + s_patience;
        while (!await isSo())
        {
            Assert.True(DateTime.UtcNow < end, "it did not come about");
            await Task.Delay(20, Test);
        }
    }

    /// <summary>A protocol in which whoever sends a byte is known.</summary>
    private sealed class Door : IRawProtocol
    {
        private int _inside;

        public int Inside => Volatile.Read(ref _inside);

        public string Name => "door";

        public Vocabulary Vocabulary => throw new NotSupportedException();

        public async Task ServeAsync(RawClient client)
        {
            try
            {
                if (await client.PeekAsync() is null) return;
                client.SignedIn();
                Interlocked.Increment(ref _inside);
                var bytes = new byte[16];
                while (await client.Stream.ReadAsync(bytes) > 0)
                {
                    // Whatever is said.
                }
            }
            catch (Exception over) when (over is IOException or SocketException)
            {
                // Left.
            }
        }

        public void Map(IEndpointRouteBuilder endpoints, ProtocolServices services) => throw new NotSupportedException();

        public void EndSessions(string identityKey) => throw new NotSupportedException();
    }
}
