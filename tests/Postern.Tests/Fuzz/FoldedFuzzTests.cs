using Postern.Core.Operations;
using Postern.Core.Recording;
using Postern.Tests.Gateway;
using Postern.Tests.Recording;

namespace Postern.Tests.Fuzz;

/// <summary>The file of a segment of which something was taken out, and what reads it.</summary>
public sealed class FoldedFuzzTests
{
    private const string Segment = "journal-000001.pjl";
    private const string Erased = "01SESSION0000000000000000E";

    [Fact]
    [Row("U04")]
    [Guarantee("G4")]
    public async Task A_changed_folded_segment_is_never_verified_and_is_read_or_refused_without_a_crash()
    {
        using var folder = new TemporaryFolder();
        var keys = new MemoryDataKeys();
        var operations = new HashSet<OperationId>();
        await using (var recorder = await Recorder.OpenAsync(new RecorderOptions { DataFolder = folder.Path, DataKeys = keys }, TimeProvider.System, CancellationToken.None))
        {
            foreach (var session in (string[])[Erased, "01SESSION0000000000000000K", Erased])
            {
                var intent = Given.Intent(new string('q', 700)) with { Session = session };
                var account = await recorder.BeginAsync(intent, CancellationToken.None);
                await account.AppendAsync(FrameDirection.Reply, Given.Masked(new string('a', 500)), 0);
                await account.EndAsync(Given.Done());
                if (session == Erased) operations.Add(intent.Operation);
            }
            await recorder.NoteAsync(new Occurrence(SegmentFolding.ErasedKind, Given.Noon, [new("session", Erased)]), CancellationToken.None);
        }
        var journal = Path.Combine(folder.Path, "journal");
        var file = Path.Combine(journal, Segment);
        var key = await File.ReadAllTextAsync(Path.Combine(folder.Path, JournalKeys.PublicKeyFile), TestContext.Current.CancellationToken);
        Assert.NotEqual(0, SegmentFolding.Fold(journal, 1, operations, CancellationToken.None).GivenBack);
        Assert.True(JournalVerifier.Verify([folder.Path], key).IsGood);
        var whole = Unfolded(journal);
        byte[][] samples = [await File.ReadAllBytesAsync(file, TestContext.Current.CancellationToken)];

        FuzzRun.Run(nameof(A_changed_folded_segment_is_never_verified_and_is_read_or_refused_without_a_crash), samples, bytes =>
        {
            File.WriteAllBytes(file, bytes);
            // As for every journal: cut at an earlier checkpoint it is sound as far as it goes, but never with another byte.
            if (JournalVerifier.Verify([folder.Path], key).IsGood) Assert.True(whole.AsSpan().StartsWith(Unfolded(journal)), "verified");
            try
            {
                foreach (var record in new JournalReader(journal, keys).Read(JournalPosition.Begin)) _ = record.Payload;
            }
            catch (Exception refused) when (refused is RecordingException or IOException)
            {
                // It says that it cannot be read.
            }
        });
    }

    private static byte[] Unfolded(string journal)
    {
        using var storage = FolderStorage.ForReading(journal);
        using var file = storage.Open(Segment);
        var bytes = new byte[file.Length];
        for (var done = 0; done < bytes.Length;) done += file.Read(bytes.AsSpan(done), done);
        return bytes;
    }
}
