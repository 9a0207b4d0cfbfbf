using Postern.Core.Recording;
using Postern.Gateway.Recordings.Keys;

namespace Postern.Demo.Acts;

/// <summary>Looks up in the record what was decided; the acts print nothing that the record does not say.</summary>
internal sealed class DemoRecord(string journalFolder)
{
    /// <summary>The newest recorded call of a tool.</summary>
    /// <exception cref="DemoException">There is none.</exception>
    public RecordedIntent NewestCall(string tool)
    {
        using var keys = RecordedKeys.Open(journalFolder);
        return new JournalReader(journalFolder, keys).Read(JournalPosition.Begin, withContent: false)
            .Select(record => record.Payload).OfType<RecordedIntent>()
            .LastOrDefault(intent => intent.Parts.Any(part => part.Action == "mcp.tools.call" && part.Facts.Any(fact => fact.Values.Contains(tool))))
            ?? throw new DemoException($"the record holds no call of `{tool}`");
    }

    /// <summary>The use of an approval by an operation, or null.</summary>
    public RecordedClearing? ClearingOf(string operation) =>
        new JournalReader(journalFolder).Read(JournalPosition.Begin, withContent: false)
            .Select(record => record.Payload).OfType<RecordedClearing>().LastOrDefault(clearing => clearing.Op == operation);
}
