using System.Diagnostics;
using System.Net;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json;
using Postern.Tests.Http;

namespace Postern.Tests.Kubernetes;

/// <summary>Exec and attach through the gateway, before an API server that says exactly what a test wants.</summary>
public sealed class StreamTests
{
    private const string V4 = "v4.channel.k8s.io";
    private const string V5 = "v5.channel.k8s.io";
    private const string Exec = "/api/v1/namespaces/a/pods/p/exec?command=cat&container=c&stdout=true&stderr=true";
    private const string Success = """{"metadata":{},"status":"Success"}""";

    private const string Open =
        """
        version: 1
        rules:
          - { id: opens, who: { groups: [support] }, on: { connection: prod, verbs: [exec, attach], resources: [pods/exec, pods/attach], namespaces: [a] }, then: allow }
        """;

    private const string Masked = Open +
        """

        masks:
          - { id: pii, on: [ { connection: prod } ], detect: [credit-card, private-key], as: redact }
        """;

    private const string Commands =
        """
        version: 1
        rules:
          - { id: looks, who: { groups: [support] }, on: { connection: prod, verbs: [exec], resources: [pods/exec], namespaces: [a] }, when: 'request.query.command == ["ls", "-l"] && request.query.container == "c"', then: allow }
          - { id: shells, who: { groups: [support] }, on: { connection: prod, verbs: [exec], resources: [pods/exec], namespaces: [a] }, when: 'request.query.command[0] == "sh"', then: hold, hold: { approvers: { groups: [on-call] } }, message: Shells need on-call. }
        """;

    [Theory]
    [Row("K15")]
    [InlineData(V5)]
    [InlineData(V4)]
    public async Task A_command_is_carried_both_ways_and_recorded_with_its_times(string spoken)
    {
        await using var bed = await KubernetesBed.StartAsync(Open);
        var heard = new List<string>();
        var target = new ScriptedStreams(bed.Target, [spoken], async streams =>
        {
            await streams.SayAsync(1, []);
            heard.Add(Read(await streams.HearAsync()));
            await streams.SayAsync(1, "to out\n");
            await streams.SayAsync(2, "to err\n");
            await streams.SayAsync(1, [0xff, 0x00]);
            await streams.SayAsync(3, """{"status":"Failure","reason":"NonZeroExitCode","details":{"causes":[{"reason":"ExitCode","message":"7"}]}}""");
        });
        // A terminal, so that either protocol will do.
        using var client = await ConnectAsync(bed, Exec + "&stdin=true&tty=true");
        Assert.Equal(V5, client.SubProtocol);

        await SayAsync(client, 4, """{"Width":80,"Height":24}""");
        Assert.Equal("1:to out\n", Read(await ScriptedStreams.HearAsync(client)));
        Assert.Equal("2:to err\n", Read(await ScriptedStreams.HearAsync(client)));
        Assert.Equal([0xff, 0x00], (await ScriptedStreams.HearAsync(client))!.Value.Content);
        Assert.Contains("NonZeroExitCode", Read(await ScriptedStreams.HearAsync(client)), StringComparison.Ordinal);
        Assert.Null(await ScriptedStreams.HearAsync(client));
        await client.CloseAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);

        Assert.Equal(["4:{\"Width\":80,\"Height\":24}"], heard);
        Assert.Contains(KubernetesBed.Credential, target.Heads.Single(), StringComparison.Ordinal);
        Assert.DoesNotContain(bed.TokenOf("alice")[..20], target.Heads.Single(), StringComparison.Ordinal);
        var journal = await bed.JournalAsync();
        Assert.Contains("\"stream\":\"stdout\",\"text\":\"to out\\n\"}", journal, StringComparison.Ordinal);
        Assert.Contains("\"stream\":\"stderr\",\"text\":\"to err\\n\"}", journal, StringComparison.Ordinal);
        Assert.Contains("\"stream\":\"resize\",\"width\":80,\"height\":24}", journal, StringComparison.Ordinal);
        Assert.Contains("\"stream\":\"stdout\",\"base64\":\"/wA=\"}", journal, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K15")]
    public async Task The_end_of_input_is_told_where_the_cluster_can_hear_it()
    {
        await using var bed = await KubernetesBed.StartAsync(Open);
        var heard = new List<string>();
        _ = new ScriptedStreams(bed.Target, [V5, V4], async streams =>
        {
            heard.Add(Read(await streams.HearAsync()));
            heard.Add(Read(await streams.HearAsync()));
            await streams.SayAsync(3, Success);
        });
        using var client = await ConnectAsync(bed, Exec + "&stdin=true");

        await SayAsync(client, 0, "typed");
        await SayAsync(client, 255, "\0");
        Assert.Contains("Success", Read(await ScriptedStreams.HearAsync(client)), StringComparison.Ordinal);
        Assert.Null(await ScriptedStreams.HearAsync(client));

        Assert.Equal(["0:typed", "255:\0"], heard);
        var journal = await bed.JournalAsync();
        Assert.Contains("\"stream\":\"stdin\",\"text\":\"typed\"}", journal, StringComparison.Ordinal);
        Assert.Contains("\"stream\":\"stdin\",\"closed\":true}", journal, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_command_that_reads_to_the_end_does_not_start_on_a_server_that_knows_no_end()
    {
        await using var bed = await KubernetesBed.StartAsync(Open);
        var hasStarted = false;
        var target = new ScriptedStreams(bed.Target, [V4], _ =>
        {
            hasStarted = true;
            return Task.CompletedTask;
        });
        using var client = await ConnectAsync(bed, Exec + "&stdin=true");

        var said = Read(await ScriptedStreams.HearAsync(client));

        Assert.StartsWith("3:", said, StringComparison.Ordinal);
        Assert.Contains("WebSocket v5", said, StringComparison.Ordinal);
        Assert.Contains("without `-i`", said, StringComparison.Ordinal);
        Assert.Null(await ScriptedStreams.HearAsync(client));
        Assert.False(hasStarted);
        Assert.DoesNotContain(V4, target.Heads.Single(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_a_terminal_on_an_older_server_the_end_of_input_ends_the_stream_with_a_word()
    {
        await using var bed = await KubernetesBed.StartAsync(Open);
        _ = new ScriptedStreams(bed.Target, [V4], async streams => await streams.HearAsync());
        using var client = await ConnectAsync(bed, Exec + "&stdin=true&tty=true");

        await SayAsync(client, 255, "\0");

        Assert.Contains("leave the terminal by its own command", Read(await ScriptedStreams.HearAsync(client)), StringComparison.Ordinal);
    }

    [Fact]
    [Row("K15"), Guarantee("G11")]
    public async Task Masks_read_over_the_ends_of_messages_and_of_each_stream_by_itself()
    {
        await using var bed = await KubernetesBed.StartAsync(Masked);
        _ = new ScriptedStreams(bed.Target, [V5], async streams =>
        {
            await streams.SayAsync(1, "card 4111 1111 ");
            await streams.SayAsync(2, "other\n");
            await streams.SayAsync(1, "1111 1111 end");
            await streams.SayAsync(1, "\nkey\n-----BEGIN PRIVATE KEY-----\nMIIcanaryline1\n");
            await streams.SayAsync(1, "MIIcanaryline2\n");
            await streams.SayAsync(1, "-----END PRIVATE KEY-----\nafter\nno end 4111 1111 1111");
            await streams.SayAsync(1, " 1111");
            await streams.SayAsync(3, """{"status":"Failure","message":"of 4111 1111 1111 1111"}""");
        });
        using var client = await ConnectAsync(bed, Exec);

        var (output, error, status) = await AllAsync(client);

        Assert.Equal("card [masked:pii] end\nkey\n[masked:pii]\nafter\nno end [masked:pii]", output);
        Assert.Equal("other\n", error);
        Assert.Contains("of [masked:pii]", status, StringComparison.Ordinal);
        var journal = await bed.JournalAsync();
        // With the space, which nothing has that is written as a number, in hex or in base64: four digits alone stand in those by chance.
        Assert.DoesNotContain("1111 1111", journal, StringComparison.Ordinal);
        Assert.DoesNotContain(" 1111", journal, StringComparison.Ordinal);
        Assert.DoesNotContain("canary", journal, StringComparison.Ordinal);
    }

    [Fact]
    [Row("K15"), Guarantee("G11")]
    public async Task A_prompt_is_shown_when_a_terminal_waits_and_bytes_under_a_mask_end_the_stream()
    {
        await using var bed = await KubernetesBed.StartAsync(Masked);
        _ = new ScriptedStreams(bed.Target, [V5], async streams =>
        {
            await streams.SayAsync(1, "$ ");
            await streams.HearAsync();
            await streams.SayAsync(1, [(byte)'a', 0, (byte)'b', (byte)'\n']);
            await streams.HearAsync();
        });
        using var client = await ConnectAsync(bed, Exec + "&stdin=true&tty=true");

        Assert.Equal("1:$ ", Read(await ScriptedStreams.HearAsync(client)));
        await SayAsync(client, 0, "ls\n");

        Assert.StartsWith("3:", Read(await ScriptedStreams.HearAsync(client)), StringComparison.Ordinal);
        Assert.Null(await ScriptedStreams.HearAsync(client));
    }

    [Fact]
    [Row("K02"), Row("K05")]
    public async Task What_may_be_run_hangs_on_the_command_and_a_refusal_is_said_where_kubectl_prints_it()
    {
        await using var bed = await KubernetesBed.StartAsync(Commands);
        _ = new ScriptedStreams(bed.Target, [V5], async streams => await streams.SayAsync(3, Success));
        const string pod = "/api/v1/namespaces/a/pods/p/exec?container=c&stdout=true";

        using var permitted = await ConnectAsync(bed, pod + "&command=ls&command=-l");
        Assert.Contains("Success", Read(await ScriptedStreams.HearAsync(permitted)), StringComparison.Ordinal);
        foreach (var other in new[] { "&command=ls", "&command=ls&command=-l&command=/", "&command=ls%20-l", "" })
        {
            using var refused = await ConnectAsync(bed, pod + other);
            var status = JsonDocument.Parse(Read(await ScriptedStreams.HearAsync(refused))[2..]).RootElement;
            Assert.Equal("Failure", status.GetProperty("status").GetString());
            Assert.StartsWith("Postern refused this on purpose", status.GetProperty("message").GetString(), StringComparison.Ordinal);
            Assert.Null(await ScriptedStreams.HearAsync(refused));
        }
        using var held = await ConnectAsync(bed, pod + "&command=sh");
        Assert.Contains("Postern holds this request until people agree", Read(await ScriptedStreams.HearAsync(held)), StringComparison.Ordinal);
        Assert.Equal(1, bed.Target.Connections);
    }

    [Theory]
    [Row("K15")]
    [InlineData(1, "x", "does not have")]
    [InlineData(3, "x", "does not have")]
    [InlineData(9, "x", "does not have")]
    [InlineData(4, """{"Width":80,"Height":24}""", "does not have")]
    [InlineData(255, "\0\0", "does not have")]
    public async Task A_client_that_writes_where_it_may_not_is_ended(int channel, string content, string expected)
    {
        await using var bed = await KubernetesBed.StartAsync(Open);
        var heard = new List<string>();
        var target = new ScriptedStreams(bed.Target, [V5], async streams => heard.Add(Read(await streams.HearAsync())));
        using var client = await ConnectAsync(bed, Exec + "&stdin=true");

        await SayAsync(client, (byte)channel, content);

        Assert.Contains(expected, Read(await ScriptedStreams.HearAsync(client)), StringComparison.Ordinal);
        await target.IsOver.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);
        Assert.DoesNotContain(heard, message => message.EndsWith(content, StringComparison.Ordinal));
    }

    [Theory]
    [Row("K15")]
    [InlineData("""{"Width":80,"Height":24,"Depth":1}""")]
    [InlineData("""{"Width":80000,"Height":24}""")]
    [InlineData("""{"Width":-1,"Height":24}""")]
    [InlineData("not json")]
    public async Task A_size_that_is_none_ends_the_stream(string size)
    {
        await using var bed = await KubernetesBed.StartAsync(Open);
        _ = new ScriptedStreams(bed.Target, [V5], async streams => await streams.HearAsync());
        using var client = await ConnectAsync(bed, Exec + "&stdin=true&tty=true");

        await SayAsync(client, 4, size);

        Assert.Contains("a size of the terminal cannot be read", Read(await ScriptedStreams.HearAsync(client)), StringComparison.Ordinal);
    }

    [Fact]
    [Row("K15")]
    public async Task A_flood_of_sizes_ends_the_stream()
    {
        await using var bed = await KubernetesBed.StartAsync(Open);
        var heard = 0;
        _ = new ScriptedStreams(bed.Target, [V5], async streams =>
        {
            while (await streams.HearAsync() is not null) heard++;
        });
        using var client = await ConnectAsync(bed, Exec + "&stdin=true&tty=true");

        // The same size again is no message of its own.
        for (var i = 0; i < 50; i++) await SayAsync(client, 4, """{"Width":1,"Height":1}""");
        for (var i = 2; i < 1100 && client.State == WebSocketState.Open; i++) await SayAsync(client, 4, $$"""{"Width":{{i}},"Height":1}""");

        Assert.Contains("changed its size more than 1000 times", Read(await ScriptedStreams.HearAsync(client)), StringComparison.Ordinal);
        Assert.InRange(heard, 900, 1000);
    }

    [Fact]
    [Guarantee("G12"), Row("K15")]
    public async Task An_open_stream_ends_with_the_policy_that_permitted_it_and_says_so()
    {
        await using var bed = await KubernetesBed.StartAsync(Open);
        var target = new ScriptedStreams(bed.Target, [V5], async streams =>
        {
            await streams.SayAsync(1, "begun\n");
            await streams.HearAsync();
        });
        using var client = await ConnectAsync(bed, Exec + "&stdin=true");
        Assert.Equal("1:begun\n", Read(await ScriptedStreams.HearAsync(client)));

        bed.Edit(Open.Replace("exec, attach]", "attach]", StringComparison.Ordinal));
        var status = Read(await ScriptedStreams.HearAsync(client));

        Assert.StartsWith("3:", status, StringComparison.Ordinal);
        Assert.Contains("policy changed", status, StringComparison.Ordinal);
        Assert.Null(await ScriptedStreams.HearAsync(client));
        await target.IsOver.Task.WaitAsync(TimeSpan.FromSeconds(5), TestContext.Current.CancellationToken);
    }

    [Theory]
    [Row("K15")]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_open_stream_ends_within_two_seconds_of_a_stop_whether_or_not_its_caller_reads(bool isDeaf)
    {
        await using var bed = await KubernetesBed.StartAsync(Open);
        var target = new ScriptedStreams(bed.Target, [V5], async streams =>
        {
            await streams.SayAsync(1, "begun\n");
            var much = new byte[1024 * 1024];
            while (isDeaf) await streams.SayAsync(1, much);
            await streams.HearAsync();
        });
        using var client = await ConnectAsync(bed, Exec + "&stdin=true");
        Assert.Equal("1:begun\n", Read(await ScriptedStreams.HearAsync(client)));

        var watch = Stopwatch.StartNew();
        await bed.Host.StopAsync();
        await target.IsOver.Task.WaitAsync(TimeSpan.FromSeconds(10), TestContext.Current.CancellationToken);

        Assert.InRange(watch.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(4));
        if (!isDeaf) Assert.Contains("Postern could not carry this out", Read(await ScriptedStreams.HearAsync(client)), StringComparison.Ordinal);
    }

    [Theory]
    [Row("K05")]
    [InlineData("HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nContent-Length: 46\r\n\r\n{\"status\":\"Failure\",\"message\":\"pods not here\"}", "pods not here")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: d3Jvbmc=\r\nSec-WebSocket-Protocol: v5.channel.k8s.io\r\n\r\n", "nobody refused it")]
    [InlineData("HTTP/1.1 101 Switching Protocols\r\nUpgrade: SPDY/3.1\r\nConnection: Upgrade\r\n\r\n", "nobody refused it")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "did not open the stream (HTTP 200)")]
    public async Task Nothing_is_relayed_before_the_cluster_has_truly_switched(string answer, string expected)
    {
        await using var bed = await KubernetesBed.StartAsync(Open);
        bed.Target.Answer = _ => answer;
        using var client = await ConnectAsync(bed, Exec);

        Assert.Contains(expected, Read(await ScriptedStreams.HearAsync(client)), StringComparison.Ordinal);
        Assert.Null(await ScriptedStreams.HearAsync(client));
    }

    [Fact]
    [Row("K02")]
    public async Task Over_SPDY_whoever_may_hears_what_to_use_and_whoever_may_not_hears_why()
    {
        await using var bed = await KubernetesBed.StartAsync(Open);

        static void Spdy(HttpRequestMessage request)
        {
            request.Headers.TryAddWithoutValidation("Connection", "Upgrade");
            request.Headers.TryAddWithoutValidation("Upgrade", "SPDY/3.1");
        }
        var permitted = await bed.SendAsync("POST", Exec, change: Spdy);
        var refused = await bed.SendAsync("POST", Exec.Replace("namespaces/a", "namespaces/b", StringComparison.Ordinal), change: Spdy);
        var plain = await bed.SendAsync("POST", Exec);
        var forward = await bed.SendAsync("POST", "/api/v1/namespaces/a/pods/p/portforward?ports=80", change: Spdy);

        Assert.Equal(HttpStatusCode.BadRequest, permitted.Status);
        Assert.Contains("kubectl 1.31 and newer", permitted.Body, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, refused.Status);
        Assert.Contains("policy.not_permitted", refused.Body, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, plain.Status);
        Assert.Contains("v5.channel.k8s.io", plain.Body, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.BadRequest, forward.Status);
        Assert.Equal(0, bed.Target.Connections);
    }

    [Theory]
    [InlineData("channel.k8s.io")]
    [InlineData("v4.base64.channel.k8s.io")]
    [InlineData("v3.channel.k8s.io")]
    public async Task A_channel_protocol_that_is_not_carried_is_refused_before_anything(string protocol)
    {
        await using var bed = await KubernetesBed.StartAsync(Open);

        var fault = await Assert.ThrowsAsync<WebSocketException>(() => ConnectAsync(bed, Exec, protocol));

        Assert.Contains("400", fault.Message, StringComparison.Ordinal);
        Assert.Equal(0, bed.Target.Connections);
    }

    private static async Task<ClientWebSocket> ConnectAsync(KubernetesBed bed, string target, params string[] protocols)
    {
        var client = new ClientWebSocket();
        client.Options.SetRequestHeader("Authorization", "Bearer " + bed.TokenOf("alice"));
        foreach (var protocol in protocols.Length > 0 ? protocols : [V5]) client.Options.AddSubProtocol(protocol);
        await client.ConnectAsync(new Uri(bed.Host.Url.Replace("http://", "ws://", StringComparison.Ordinal) + "/k8s/prod" + target), CancellationToken.None);
        return client;
    }

    private static Task SayAsync(WebSocket client, byte channel, string content) =>
        client.SendAsync((byte[])[channel, .. Encoding.UTF8.GetBytes(content)], WebSocketMessageType.Binary, true, CancellationToken.None);

    private static string Read((byte Channel, byte[] Content)? message) => message is { } given ? $"{given.Channel}:{Encoding.UTF8.GetString(given.Content)}" : "closed";

    private static async Task<(string Out, string Error, string Status)> AllAsync(WebSocket client)
    {
        var said = new Dictionary<byte, StringBuilder> { [1] = new(), [2] = new(), [3] = new() };
        while (await ScriptedStreams.HearAsync(client) is { } message) said[message.Channel].Append(Encoding.UTF8.GetString(message.Content));
        return (said[1].ToString(), said[2].ToString(), said[3].ToString());
    }
}
