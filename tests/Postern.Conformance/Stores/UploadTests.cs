using System.Text;
using Postern.Conformance.Faults;
using Postern.Conformance.Gateways;
using Postern.Conformance.Postgres;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Stores;
using Postern.Tests;

namespace Postern.Conformance.Stores;

/// <summary>Whole gateways whose journal goes to a real store, which is away for a while, or which are killed while they upload.</summary>
public sealed class UploadTests(SharedCluster shared)
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("s3")]
    [InlineData("postgres")]
    [Row("U03")]
    [Row("F06")]
    [Guarantee("G4")]
    [Guarantee("G12")]
    [Guarantee("G16")]
    public async Task A_store_that_was_away_has_everything_in_the_end_and_a_new_disk_fetches_and_verifies_it(string kind)
    {
        await using var s3 = kind == "s3" ? await S3rver.StartAsync(Stop) : null;
        var direct = s3 is not null ? s3.Target : (StoreTarget)await PostgresStoreTests.TargetAsync(shared);
        await using var valve = new Valve(direct is StoreTarget.S3 bucket ? new Uri(bucket.Url).Port : ((StoreTarget.Postgres)direct).Port);
        StoreTarget target = direct switch
        {
            StoreTarget.S3 one => one with { Url = $"http://127.0.0.1:{valve.Port}" },
            StoreTarget.Postgres one => one with { Port = valve.Port },
            _ => throw new InvalidOperationException(),
        };
        await using var witness = await WitnessServer.StartAsync(Stop);
        var connection = new ConnectionOptions { Name = TestGateway.Connection, Protocol = "mcp", Url = witness.Url };
        var logs = new Said();
        await using var gateway = await TestGateway.StartAsync(
            connection, WitnessServer.Policy, Stop, logs: logs, record: new RecordOptions { Store = new StoreOptions(target) { PieceBytes = 64 * 1024, Every = TimeSpan.FromSeconds(1), MaxLag = 256 * 1024 } });
        using var caller = new Caller();
        using var http = new HttpClient();

        await CallAsync(caller, gateway, 5);
        await WaitAsync(http, gateway, text => Lag(text) == 0, "to upload");
        valve.Shut();
        // Work goes on, until the cap; then it is refused, and readiness says why.
        for (var i = 0; i < 4_000 && !(await ReadyAsync(http, gateway)).Contains("\"record\":", StringComparison.Ordinal); i += 20) await CallAsync(caller, gateway, 20);
        var ready = await ReadyAsync(http, gateway);
        Assert.Contains("record.store.maxLag", ready);
        Assert.Contains("\"record\":", ready);
        valve.Open();
        await WaitAsync(http, gateway, text => Lag(text) < 256 * 1024 && text.Contains("postern_store_well 1", StringComparison.Ordinal) && text.Contains("postern_record_well 1", StringComparison.Ordinal), "to catch up");
        await CallAsync(caller, gateway, 5);
        await gateway.StopAsync();

        await using var store = RecordingStores.Open(direct);
        var disk = Directory.CreateTempSubdirectory("postern-fetched-");
        var fetched = await JournalFetch.RunAsync(store, disk.FullName, null, Stop);
        var report = JournalVerifier.Verify([disk.FullName], await File.ReadAllTextAsync(Path.Combine(gateway.Data, JournalKeys.PublicKeyFile), Stop), cancellationToken: Stop);
        Assert.True(report.IsGood, string.Join('\n', report.Problems) + report.Journals.FirstOrDefault()?.Bad);
        Assert.True(fetched.Bytes > 256 * 1024, $"{fetched.Bytes} bytes");
        AssertPrefixOf(disk.FullName, Path.Combine(gateway.Data, "journal"));
        disk.Delete(recursive: true);
        var secret = Encoding.UTF8.GetBytes(direct is StoreTarget.Postgres postgres ? postgres.Password : S3rver.Secret);
        foreach (var file in Directory.EnumerateFiles(gateway.Data, "*", SearchOption.AllDirectories)) Assert.True(File.ReadAllBytes(file).AsSpan().IndexOf(secret) < 0, $"`{file}` holds the store's secret");
        Assert.DoesNotContain(Encoding.UTF8.GetString(secret), logs.Text);
        Assert.DoesNotContain(Encoding.UTF8.GetString(secret), ready);
    }

    [Fact]
    [Row("F01")]
    [Row("F06")]
    [Guarantee("G4")]
    public async Task Gateways_that_are_killed_while_they_upload_leave_a_store_that_holds_the_journal_and_nothing_else()
    {
        await using var s3 = await S3rver.StartAsync(Stop);
        await using var witness = await WitnessServer.StartAsync(Stop);
        await using var gateway = await ServedGateway.PrepareAsync(
            witness.Url, WitnessServer.Policy, Stop,
            more: $$"""record: { store: { s3: { url: "{{s3.Target.Url}}", bucket: {{s3.Target.Bucket}}, prefix: postern, accessKey: {{s3.Target.AccessKey}}, secretKey: {{s3.Target.SecretKey}} }, pieces: 64KiB, every: 1s } }""");
        using var caller = new Caller();
        var random = new Random(7);
        for (var round = 0; round < 5; round++)
        {
            await gateway.StartAsync(Stop);
            var token = gateway.Token("alice");
            var until = TimeProvider.System.GetTimestamp();
            var life = TimeSpan.FromMilliseconds(random.Next(1_200, 2_500));
            // Not as fast as it goes: a quick machine would leave more than small pieces carry away in any patience.
            for (var number = round * 10_000; TimeProvider.System.GetElapsedTime(until) < life; number++)
            {
                await caller.CallAsync(gateway.ConnectionUrl, token, "read", number, Stop);
                await Task.Delay(2, Stop);
            }
            await gateway.KillAsync();
        }
        await gateway.StartAsync(Stop);
        await using var store = RecordingStores.Open(s3.Target);
        var disk = Directory.CreateTempSubdirectory("postern-fetched-");
        var key = await File.ReadAllTextAsync(Path.Combine(gateway.Data, JournalKeys.PublicKeyFile), Stop);
        // The last start has recorded itself, and uploads that too.
        var opened = 0;
        for (var i = 0; i < 120 && opened < 6; i++)
        {
            await Task.Delay(500, Stop);
            await JournalFetch.RunAsync(store, disk.FullName, null, Stop);
            opened = new JournalReader(disk.FullName).Read(JournalPosition.Begin).Count(record => record.Payload is RecordedOccurrence { Kind: Recorder.OpenedKind });
        }

        Assert.True(opened == 6, $"{opened} starts are in the store\n{gateway.Errors}");
        Assert.True(JournalVerifier.Verify([disk.FullName], key, cancellationToken: Stop).IsGood);
        AssertPrefixOf(disk.FullName, Path.Combine(gateway.Data, "journal"));
        Assert.DoesNotContain("nothing is put over them", gateway.Errors);
        disk.Delete(recursive: true);
    }

    private static void AssertPrefixOf(string fetched, string journal)
    {
        foreach (var file in Directory.EnumerateFiles(fetched, "*.pjl"))
        {
            var bytes = File.ReadAllBytes(file);
            using var local = new FileStream(Path.Combine(journal, Path.GetFileName(file)), FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            var begin = new byte[bytes.Length];
            local.ReadExactly(begin);
            Assert.Equal(begin, bytes);
        }
    }

    private static async Task CallAsync(Caller caller, TestGateway gateway, int times)
    {
        var token = gateway.Token("alice");
        for (var i = 0; i < times; i++) await caller.CallAsync(gateway.ConnectionUrl, token, "read", i, Stop);
    }

    private static async Task<string> ReadyAsync(HttpClient http, TestGateway gateway)
    {
        using var response = await http.GetAsync(gateway.ManagementUrl + "/readyz", Stop);
        return await response.Content.ReadAsStringAsync(Stop);
    }

    private static double Lag(string metrics) =>
        double.Parse(metrics.Split('\n').Single(line => line.StartsWith("postern_store_lag_bytes ", StringComparison.Ordinal)).Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture);

    private static async Task WaitAsync(HttpClient http, TestGateway gateway, Func<string, bool> isSo, string what)
    {
        var text = "";
        for (var i = 0; i < 600; i++)
        {
            text = await http.GetStringAsync(gateway.ManagementUrl + "/metrics", Stop);
            if (isSo(text)) return;
            await Task.Delay(50, Stop);
        }
        Assert.Fail($"it did not come {what}: {string.Join('\n', text.Split('\n').Where(line => line.StartsWith("postern_", StringComparison.Ordinal)))} {await ReadyAsync(http, gateway)}");
    }

    /// <summary>All that is logged, in one text.</summary>
    private sealed class Said : Microsoft.Extensions.Logging.ILoggerFactory, Microsoft.Extensions.Logging.ILogger
    {
        private readonly StringBuilder _text = new();

        public string Text
        {
            get
            {
                lock (_text) return _text.ToString();
            }
        }

        public Microsoft.Extensions.Logging.ILogger CreateLogger(string categoryName) => this;

        public void AddProvider(Microsoft.Extensions.Logging.ILoggerProvider provider)
        {
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(Microsoft.Extensions.Logging.LogLevel logLevel) => true;

        public void Log<TState>(Microsoft.Extensions.Logging.LogLevel logLevel, Microsoft.Extensions.Logging.EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_text) _text.AppendLine(formatter(state, exception)).AppendLine(exception?.ToString());
        }

        public void Dispose()
        {
        }
    }
}
