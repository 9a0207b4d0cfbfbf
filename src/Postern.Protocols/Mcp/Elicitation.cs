using System.Text.Json;
using Postern.Core.Json;

namespace Postern.Protocols.Mcp;

/// <summary>
/// What a server may not ask a person for, whatever the policy says: secrets in a form, whose answer passes the client, its
/// model's context and every log (the specification forbids it in form mode), and links that are not what they seem.
/// </summary>
internal static class Elicitation
{
    /// <summary>The policy's word for it.</summary>
    public const string Word = "elicitation";

    /// <summary>The error of 2025-11-25 that asks the client to follow links before it tries again.</summary>
    public const int LinksRequired = -32042;

    private const int MaxUrl = 2048;

    /// <summary>Why a question of a server must not be passed on, whatever a rule permits, or null; and the id of a link in it.</summary>
    /// <param name="word">What is asked for, in the policy's word.</param>
    /// <param name="question">The whole question: a request, or one of <c>inputRequests</c>.</param>
    /// <param name="elicitationId">The id under which the server tells of the end, or null.</param>
    public static string? FaultOf(string word, ReadOnlyMemory<byte> question, out string? elicitationId)
    {
        elicitationId = null;
        // What is judged here must be what the client reads.
        if (StrictJson.Check(question.Span) is not null) return "a question that two readers could read differently";
        if (word != Word) return null;
        using var document = JsonDocument.Parse(question);
        if (!document.RootElement.TryGetProperty("params", out var parameters)) return "an elicitation without parameters";
        elicitationId = IdOf(parameters);
        return FaultOf(parameters);
    }

    /// <summary>Why this elicitation must not be passed on, or null. Holds nothing that the server wrote.</summary>
    /// <param name="parameters">The <c>params</c> of <c>elicitation/create</c>.</param>
    public static string? FaultOf(JsonElement parameters)
    {
        if (parameters.ValueKind != JsonValueKind.Object) return "an elicitation without parameters";
        var mode = parameters.TryGetProperty("mode", out var named) ? named.ValueKind == JsonValueKind.String ? named.GetString() : "?" : "form";
        return mode switch
        {
            "form" => SecretQuestions.AreAskedForIn(parameters) ? "a form that asks for a secret; servers must use a link for that" : null,
            "url" => UrlFault(parameters),
            _ => "an elicitation of a mode that is not known",
        };
    }

    /// <summary>The id under which a server tells later that a link was followed, or null.</summary>
    public static string? IdOf(JsonElement parameters) =>
        parameters.ValueKind == JsonValueKind.Object && parameters.TryGetProperty("elicitationId", out var id) && id.ValueKind == JsonValueKind.String ? id.GetString() : null;

    /// <summary>
    /// A link must show where it leads: absolute, encrypted (but on the same machine), without a name before the host and
    /// without characters that are not seen as what they are.
    /// </summary>
    private static string? UrlFault(JsonElement parameters)
    {
        if (!parameters.TryGetProperty("url", out var value) || value.ValueKind != JsonValueKind.String) return "a link without a URL";
        var text = value.GetString()!;
        if (text.Length > MaxUrl || text.AsSpan().IndexOfAnyExceptInRange('!', '~') >= 0 || text.Contains('\\', StringComparison.Ordinal)) return "a link with characters that URLs do not have";
        // Written out, for browsers also follow `https:host` and `https:///host`, which other readers take for something else.
        var isEncrypted = text.StartsWith("https://", StringComparison.OrdinalIgnoreCase);
        if (!isEncrypted && !text.StartsWith("http://", StringComparison.OrdinalIgnoreCase)) return "a link that is no web address";
        var rest = text.AsSpan()[(text.IndexOf(':', StringComparison.Ordinal) + "://".Length)..];
        var end = rest.IndexOfAny('/', '?', '#');
        var authority = end < 0 ? rest : rest[..end];
        if (authority.Contains('@')) return "a link with a name before its host";
        if (authority.IsEmpty || !Uri.TryCreate(text, UriKind.Absolute, out var url) || url.Host.Length == 0) return "a link without a host";
        return isEncrypted || url.IsLoopback ? null : "a link that is not encrypted";
    }
}
