using Microsoft.Extensions.Logging.Abstractions;
using Postern.Core.Recording;
using Postern.Gateway.Recordings.Stores;
using Postern.Gateway.Recordings.Witnesses;
using Postern.Tests.Cli;
using Postern.Tests.Recording;

namespace Postern.Tests.Gateway.Recordings.Stores;

/// <summary>A bucket as a witness of checkpoints.</summary>
public sealed class StoreWitnessTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    [Guarantee("G4")]
    public async Task Each_checkpoint_becomes_an_object_and_what_is_read_back_finds_a_journal_that_was_cut()
    {
        using var folder = new TemporaryFolder();
        await using var server = await StrictS3.StartAsync();
        var data = Path.Combine(folder.Path, "data");
        var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = data }, TimeProvider.System, Stop);
        await using (new CheckpointWitnesses([new StoreWitness("vault", RecordingStores.Open(server.Target))], recorder, refuseAfter: null, TimeProvider.System, NullLogger.Instance))
        {
            await Given.OperationAsync(recorder);
            for (var i = 0; i < 200 && server.Objects.Count == 0; i++) await Task.Delay(50, Stop);
        }
        await recorder.DisposeAsync();
        Assert.NotEmpty(server.Objects);
        var configuration = folder.Write("postern.yaml", $"issuers: {{ corp: {{ authority: https://login.example.com }} }}\npolicy: [policy.yaml]\nrecord: {{ witnesses: {{ vault: {{ s3: {{ url: '{server.Url}', bucket: {StrictS3.Bucket}, region: eu-central-1, prefix: team, accessKey: {StrictS3.AccessKey}, secretKey: {StrictS3.SecretKey} }} }} }} }}\n");

        var checkpoints = await CommandLine.RunAsync("journal", "checkpoints", "vault", "--config", configuration);
        Assert.True(checkpoints.ExitCode == 0, checkpoints.Error);
        var anchors = folder.Write("anchors.ndjson", checkpoints.Out);
        var key = Path.Combine(data, JournalKeys.PublicKeyFile);

        Assert.Equal(0, (await CommandLine.RunAsync("verify", data, "--key", key, "--anchors", anchors)).ExitCode);
        var segment = Directory.EnumerateFiles(Path.Combine(data, "journal"), "*.pjl").Single();
        var begin = new JournalReader(Path.Combine(data, "journal")).Read(JournalPosition.Begin).First(record => record.Payload is RecordedCheckpoint).Position;
        await using (var file = new FileStream(segment, FileMode.Open)) file.SetLength(begin.Offset);
        Assert.NotEqual(0, (await CommandLine.RunAsync("verify", data, "--key", key, "--anchors", anchors)).ExitCode);
    }

    [Fact]
    [Guarantee("G4")]
    public async Task Another_checkpoint_of_the_same_number_is_said_and_the_first_one_stays()
    {
        await using var server = await StrictS3.StartAsync();
        using var witness = new StoreWitness("vault", RecordingStores.Open(server.Target));
        var first = WitnessLine.Of(new RecordedCheckpoint(new string('a', 32), 7, "c1", DateTimeOffset.UnixEpoch, "k", "s"));
        var other = WitnessLine.Of(new RecordedCheckpoint(new string('a', 32), 7, "c2", DateTimeOffset.UnixEpoch, "k", "s"));

        Assert.Null(await witness.TellAsync(first, Stop));
        Assert.Null(await witness.TellAsync(first, Stop));
        Assert.Contains("another checkpoint", await witness.TellAsync(other, Stop));

        Assert.Equal(first, Assert.Single(server.Objects).Value);
    }
}
