using System.Buffers;
using System.Collections.Immutable;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Core.Recording;

namespace Postern.Tests.Policy.Replay;

/// <summary>Operations as a journal would hold them: written and read by the journal's own code.</summary>
internal sealed class Recorded
{
    private readonly PayloadMemo _memo = new(withBasis: true);
    private long _sequence;

    /// <summary>Decides an operation under a set and records it.</summary>
    /// <param name="set">The policy then in force.</param>
    /// <param name="identity">Who asks.</param>
    /// <param name="operation">What for.</param>
    /// <param name="at">When; the toys' noon otherwise.</param>
    /// <param name="isMasked">True when a mask had a hand in the request.</param>
    /// <param name="session">The session's id.</param>
    public JournalRecord Of(PolicySet set, Identity identity, Operation operation, DateTimeOffset? at = null, bool isMasked = false, string session = "S1")
    {
        var now = at ?? Toy.Now;
        var (whole, request) = Whole(operation);
        var intent = new Intent(
            whole.Id, session, now, identity, whole.Connection, whole.Parts, "test", new Masked<ReadOnlyMemory<byte>>(request), request.Length, Digest.Of(request.Span), whole.Definition,
            set.Decide(identity, whole, now), null)
        {
            IsAsItCame = !isMasked,
            IsQuarantined = whole.IsQuarantined,
            AsksMasks = whole.ObjectionTo is not null,
        };
        return Read(intent, isMasked ? "[masked]"u8.ToArray() : request.ToArray());
    }

    private JournalRecord Read(Intent intent, byte[] content)
    {
        var output = new ArrayBufferWriter<byte>();
        PayloadWriter.Intent(output, intent);
        Assert.True(PayloadReader.TryRead(_memo, RecordType.Intent, output.WrittenSpan, out var payload, out var problem), problem);
        return new JournalRecord(default, default, ++_sequence, RecordType.Intent, payload, content);
    }

    // Every second variable stands in the request, as protocols have it; the others are derived from it.
    private static (Operation Operation, ReadOnlyMemory<byte> Request) Whole(Operation operation)
    {
        var known = operation.Parts.SelectMany(part => part.Variables).Where(variable => !variable.IsUnknown).Select(variable => variable.Json).ToArray();
        var request = new byte[known.Sum(json => json.Length) + 2];
        var at = 1;
        var number = 0;
        var parts = ImmutableArray.CreateBuilder<Part>();
        foreach (var part in operation.Parts)
        {
            var variables = ImmutableArray.CreateBuilder<Variable>();
            foreach (var variable in part.Variables)
            {
                if (variable.IsUnknown || number++ % 2 == 1)
                {
                    variables.Add(variable);
                    continue;
                }
                variable.Json.CopyTo(request.AsMemory(at));
                variables.Add(variable with { Json = request.AsMemory(at, variable.Json.Length) });
                at += variable.Json.Length;
            }
            parts.Add(new Part { Action = part.Action, IsImplied = part.IsImplied, Facts = part.Facts, Variables = variables.ToImmutable() });
        }
        return (new Operation
        {
            Id = operation.Id,
            Connection = operation.Connection,
            Parts = parts.ToImmutable(),
            Request = request,
            RequestShape = operation.RequestShape,
            DigestOf = static _ => default,
            Definition = operation.Definition,
            IsQuarantined = operation.IsQuarantined,
            ObjectionTo = operation.ObjectionTo,
        }, request);
    }
}
