using System.Collections.Immutable;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Policy;
using Postern.Protocols.Mcp.Wire;

namespace Postern.Protocols.Mcp;

/// <summary>
/// Tasks of targets (an experiment in 2025-11-25, an extension since): who began each, and with what. The id of a task is no
/// credential: only who began it may ask for it, under the rules that name the method and the masks and denials of the tool that it came
/// from (attack P25). Kept in memory and bounded; what is forgotten is nobody's.
/// </summary>
internal sealed class OwnedTasks(McpGateway gateway)
{
    /// <summary>Tasks that are remembered at a time; beyond that the oldest are forgotten.</summary>
    public const int Most = 10_000;

    private const string Prefix = "tasks/";
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Connection, string Id), (string Owner, Fact? Begun)> _tasks = [];
    private readonly Queue<(string Connection, string Id)> _oldest = new();

    /// <summary>Remembers the task that a result begins, if it begins one. An id that is another's stays that one's.</summary>
    public void Keep(Identity identity, Operation operation, in JsonRpcMessage message, ReadOnlyMemory<byte> data)
    {
        // Nearly no result has one, so it is not parsed to find out.
        if (message.Result.IsEmpty || message.Result.Of(data.Span).IndexOf("taskId"u8) < 0) return;
        using var document = JsonDocument.Parse(message.Result.Of(data), new JsonDocumentOptions { MaxDepth = JsonRpcReader.MaxDepth });
        var result = document.RootElement;
        if (result.ValueKind != JsonValueKind.Object) return;
        var id = IdIn(result) ?? (result.TryGetProperty("task", out var task) && task.ValueKind == JsonValueKind.Object ? IdIn(task) : null);
        if (id is null) return;
        var part = operation.Parts[0];
        var key = (operation.Connection.Name, id);
        lock (_lock)
        {
            if (!_tasks.TryAdd(key, (OwnerOf(identity), part.Facts.IsDefaultOrEmpty || part.Action == McpActions.Extension ? null : part.Facts[0]))) return;
            _oldest.Enqueue(key);
            if (_oldest.Count > Most) _tasks.Remove(_oldest.Dequeue());
        }
    }

    /// <summary>
    /// What a request asks for beside its method: what its tasks came from, masked like the stream on which an answer is fetched. A task that
    /// the caller did not begin, or could not begin any more, is an extension of its own (<c>tasks/get#unknown</c>), which no rule permits
    /// that does not say so.
    /// </summary>
    public ImmutableArray<Part> PartsOf(Identity identity, McpOrigin origin, in JsonRpcMessage message, ReadOnlyMemory<byte> body)
    {
        var isListen = message.Method == McpMethods.Listen;
        if (!isListen && message.Method?.StartsWith(Prefix, StringComparison.Ordinal) != true) return [];
        var parts = ImmutableArray.CreateBuilder<Part>();
        using var document = message.Params.IsEmpty ? null : JsonDocument.Parse(message.Params.Of(body));
        if (document is null || document.RootElement.ValueKind != JsonValueKind.Object) return isListen ? [] : [Unknown(message.Method!)];
        var parameters = document.RootElement;
        if (!isListen)
        {
            parts.Add(IdIn(parameters) is { } id ? PartOf(identity, origin, id, message.Method!) : Unknown(message.Method!));
        }
        else if (parameters.TryGetProperty("notifications", out var filter) && filter.ValueKind == JsonValueKind.Object && filter.TryGetProperty("taskIds", out var ids))
        {
            if (ids.ValueKind != JsonValueKind.Array) return [Unknown(message.Method!)];
            foreach (var each in ids.EnumerateArray())
            {
                parts.Add(each.ValueKind == JsonValueKind.String ? PartOf(identity, origin, each.GetString()!, message.Method!) : Unknown(message.Method!));
            }
        }
        return parts.ToImmutable();
    }

    private Part PartOf(Identity identity, McpOrigin origin, string id, string method)
    {
        (string Owner, Fact? Begun) task;
        lock (_lock)
        {
            if (!_tasks.TryGetValue((origin.Connection.Name, id), out task)) return Unknown(method);
        }
        if (!string.Equals(task.Owner, OwnerOf(identity), StringComparison.Ordinal)) return Unknown(method);
        if (task.Begun is not { } begun) return new Part { Action = McpActions.ResumeStream, IsImplied = true };
        return MayStill(identity, origin, begun) ? new Part { Action = McpActions.ResumeStream, IsImplied = true, Facts = [begun] } : Unknown(method);
    }

    // Asked again each time: whoever may never call the tool any more has no business with what it does.
    private bool MayStill(Identity identity, McpOrigin origin, Fact begun)
    {
        if (begun.Values is not [{ } name]) return false;
        var now = gateway.Services.Clock.GetUtcNow();
        var pin = gateway.Definitions.PinOf(origin.Connection.Name, begun.Name, name);
        return gateway.Services.Policies.Consider(identity, McpOperations.ForListing(origin, begun.Name, name, pin, now), now) != Possibility.Never;
    }

    private static Part Unknown(string method) => new() { Action = McpActions.Extension, Facts = [Fact.Of(McpVocabulary.Extension, $"{method}#unknown")] };

    private static string? IdIn(JsonElement element) => element.TryGetProperty("taskId", out var id) && id.ValueKind == JsonValueKind.String ? id.GetString() : null;

    // Length before text, so that no two owners ever spell the same.
    private static string OwnerOf(Identity identity) => $"{identity.Key.Length}:{identity.Key}\n{identity.Agent}";
}
