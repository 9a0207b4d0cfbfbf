using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Masking;
using Postern.Core.Operations;
using Postern.Core.Pipeline;

namespace Postern.Tests.Pipeline;

/// <summary>
/// A whole protocol in one file: a visitor gestures at an exhibit in a museum, and the guide answers. Core knows nothing of it.
/// </summary>
internal sealed class ToyVocabulary : Vocabulary
{
    public override string Name => "toy";

    public override ImmutableArray<string> Protocols => ["toy"];

    public override ImmutableArray<SelectorKey> Keys => [new("gestures", "gestures"), new("exhibits", "exhibits") { Segment = '/' }];

    public override ImmutableArray<ImmutableArray<string>> RequiredKeys => [["gestures", "exhibits"]];

    public override ImmutableArray<WhenVariable> Variables => [new("words", WhenType.Map)];

    public override ImmutableArray<string> AskKeys => ["gesture", "exhibit", "words"];

    public override Operation ReadAsk(Connection connection, IReadOnlyDictionary<string, JsonElement> ask, IDefinitionCatalogue definitions, DateTimeOffset now) =>
        ToyOperations.Read(connection, JsonSerializer.SerializeToUtf8Bytes(ask), now);
}

/// <summary>Messages in, operations out; pure.</summary>
internal static class ToyOperations
{
    private static readonly FrameShape Shape = FrameShape.Json;

    public static Operation Read(Connection connection, ReadOnlyMemory<byte> message, DateTimeOffset now)
    {
        using var document = JsonDocument.Parse(message);
        var root = document.RootElement;
        var gesture = root.GetProperty("gesture").GetString()!;
        var words = root.TryGetProperty("words", out var said) ? Encoding.UTF8.GetBytes(said.GetRawText()) : "{}"u8.ToArray();
        return new Operation
        {
            Id = OperationId.New(now),
            Connection = connection,
            Request = message,
            RequestShape = Shape,
            DigestOf = static operation => Digest.Of(operation.Request.Span),
            ClientName = "toy-visitor",
            Parts =
            [
                new Part
                {
                    Action = $"toy.{gesture}",
                    Facts = [Fact.Of("gestures", gesture), Fact.Of("exhibits", root.GetProperty("exhibit").GetString()!)],
                    Variables = [new Variable("words", words)],
                },
            ],
        };
    }
}

/// <summary>The guide: the target, which remembers everything that reached it.</summary>
internal sealed class ToyGuide
{
    public ConcurrentQueue<string> Heard { get; } = new();

    public Func<string, string[]> Answers { get; set; } = static heard => [$"{{\"you\":{heard}}}"];

    public Func<CancellationToken, Task>? Before { get; set; }

    /// <summary>What happens instead of the reply's end, when every answer was released.</summary>
    public Func<Task>? After { get; set; }

    public async Task<string[]> AskAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        if (!clearance.TryUse()) throw new UpstreamException(RefusalCode.UpstreamUnavailable, "a clearance opens a target once");
        var heard = Encoding.UTF8.GetString(clearance.Operation.Request.Span);
        Heard.Enqueue(heard);
        if (Before is { } before) await before(cancellationToken);
        return Answers(heard);
    }
}

/// <summary>One gesture in flight.</summary>
internal sealed class ToyExchange(Operation operation, ToyGuide guide) : IExchange, IReplySink
{
    public Operation Operation { get; } = operation;

    public TimeSpan Patience { get; init; } = TimeSpan.Zero;

    public IReplySink Replies => this;

    public List<string> Replied { get; } = [];

    public Refusal? Refused { get; private set; }

    public int RepliedBeforeRefusal { get; private set; }

    public Hold? Pending { get; private set; }

    /// <summary>What it was told while it was kept waiting.</summary>
    public ConcurrentQueue<Refusal> Signs { get; } = new();

    public Waiting? Waiting { get; private set; }

    public async ValueTask ForwardAsync(Clearance clearance, CancellationToken cancellationToken)
    {
        var answers = await guide.AskAsync(clearance, cancellationToken);
        foreach (var answer in guide.After is null ? answers[..^1] : answers) await clearance.Replies.ReleaseAsync(new ReplyFrame(Encoding.UTF8.GetBytes(answer), FrameShape.Json));
        if (guide.After is { } after) await after();
        else await clearance.Replies.ReleaseLastAsync(new ReplyFrame(Encoding.UTF8.GetBytes(answers[^1]), FrameShape.Json));
    }

    public ValueTask RefuseAsync(Refusal refusal, CancellationToken cancellationToken)
    {
        Refused = refusal;
        RepliedBeforeRefusal = Replied.Count;
        return ValueTask.CompletedTask;
    }

    public ValueTask WaitAsync(Refusal refusal, Waiting waiting, CancellationToken cancellationToken)
    {
        Waiting = waiting;
        Signs.Enqueue(refusal);
        return ValueTask.CompletedTask;
    }

    public ValueTask PendAsync(Refusal refusal, Hold hold, CancellationToken cancellationToken)
    {
        Refused = refusal;
        Pending = hold;
        return ValueTask.CompletedTask;
    }

    public ValueTask WriteAsync(Masked<ReadOnlyMemory<byte>> content, object? tag, CancellationToken cancellationToken)
    {
        Replied.Add(Encoding.UTF8.GetString(content.Value.Span));
        return ValueTask.CompletedTask;
    }
}
