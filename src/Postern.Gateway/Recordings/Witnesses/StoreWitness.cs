using System.Globalization;
using System.Text.Json;
using Postern.Gateway.Recordings.Stores;

namespace Postern.Gateway.Recordings.Witnesses;

/// <summary>
/// Puts each checkpoint into a store, as an object that is never written over: <c>JOURNAL/checkpoints/00000000000000000042.json</c>. Another
/// checkpoint of the same number there means that this journal, or another copy of it, went on differently: that is said, and stays said.
/// </summary>
internal sealed class StoreWitness(string name, IRecordingStore store) : IWitness
{
    /// <summary>Stands between the journal's id and the number.</summary>
    public const string Folder = "checkpoints";

    public string Name => name;

    public async ValueTask<string?> TellAsync(byte[] line, CancellationToken stopping)
    {
        try
        {
            var key = NameOf(line);
            if (await store.PutAsync(key, line, stopping).ConfigureAwait(false)) return null;
            // One that was told before, and whose answer was lost, is the same to the byte.
            var kept = await store.ReadAsync(key, stopping).ConfigureAwait(false);
            return kept is not null && kept.AsSpan().SequenceEqual(line) ? null : $"the {store.Place} holds another checkpoint as `{key}`; two journals went on from one, or one was cut";
        }
        catch (StoreException fault)
        {
            return fault.Message;
        }
    }

    public void Dispose() => store.DisposeAsync().AsTask().GetAwaiter().GetResult();

    /// <summary>What a line is called.</summary>
    internal static string NameOf(byte[] line)
    {
        using var read = JsonDocument.Parse(line);
        return string.Create(CultureInfo.InvariantCulture, $"{read.RootElement.GetProperty("journal").GetString()}/{Folder}/{read.RootElement.GetProperty("signedThrough").GetInt64():D20}.json");
    }
}
