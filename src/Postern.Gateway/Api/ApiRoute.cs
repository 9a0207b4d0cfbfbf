using System.Collections.Immutable;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Postern.Core.Operations;

namespace Postern.Gateway.Api;

/// <summary>Who may use a route. The zero value is none: a route that forgets to say does not start.</summary>
internal enum ApiAccess
{
    /// <summary>Not declared; refused at the start.</summary>
    Undeclared,

    /// <summary>Everyone, without a credential.</summary>
    Open,

    /// <summary>A bearer token or a browser's session. Reads what concerns oneself; changes nothing.</summary>
    Signed,

    /// <summary>
    /// A bearer token, or a browser's session with CSRF token. Asks for something that other people must agree to, or gives up something
    /// of one's own; gains nothing.
    /// </summary>
    Asking,

    /// <summary>A browser sign-in of the last minutes, with CSRF token; never a bearer token, stolen or not.</summary>
    FreshBrowser,

    /// <summary>A bearer token, or a browser as for <see cref="FreshBrowser"/>: an operation on the one path, which policy decides.</summary>
    Judged,
}

/// <summary>
/// One route of the control API. Its action is either one that a rule of the policy permits by name, and then every use of the route is an
/// operation on the one path; or one that everybody may do for themselves.
/// </summary>
internal sealed record ApiRoute(string Operation, string Method, string Path)
{
    public ApiAccess Access { get; init; }

    /// <summary>What using it is, in the words of policy; without one it does not compile, and with an unknown one it does not start.</summary>
    public required string Action { get; init; }

    /// <summary>What whoever the policy names for it may do beyond what is their own; null when there is nothing beyond.</summary>
    public string? Wider { get; init; }

    /// <summary>Whether a call concerns the caller alone, so that <see cref="Wider"/> is not asked about; null when the caller sees more with it, and their own without.</summary>
    public Func<ApiCall, bool>? IsOwn { get; init; }

    /// <summary>True when a person's token alone, which an agent may hold as well, is not enough: unless people agreed to exactly this, their owner must be there.</summary>
    public bool NeedsPresence { get; init; }

    /// <summary>True when the answer tells what recordings say. A copy of it in the record of whoever read it would outlive the session that it is from, when that is erased.</summary>
    public bool TellsRecordings { get; init; }

    /// <summary>True when the handler takes the one path by itself, with more to record than the call.</summary>
    public bool JudgesItself { get; init; }

    /// <summary>The members that the body may have; anything else is refused, so that nothing is set that nobody meant to be settable (attack T05).</summary>
    public ImmutableArray<string> Body { get; init; } = [];

    /// <summary>The longest body, in bytes.</summary>
    public int MaxBody { get; init; } = 64 * 1024;

    public required Func<ApiCall, ValueTask<ApiAnswer>> Handle { get; init; }

    /// <summary>True when nobody may use it whom no rule names.</summary>
    public bool IsAdministrative => Policies.GatewayVocabulary.IsAdministrative(Action);

    /// <summary>Null for a route that may be served; otherwise what it forgot.</summary>
    public string? Complaint =>
        Access == ApiAccess.Undeclared ? "declares no access"
        : !IsAdministrative && !Policies.GatewayVocabulary.IsEveryones(Action) ? $"declares the action `{Action}`, which is not in the gateway's vocabulary"
        : Wider is not null && (IsAdministrative || !Policies.GatewayVocabulary.IsAdministrative(Wider)) ? $"declares `{Wider}` as wider, which no rule can give"
        : IsAdministrative && Access is ApiAccess.Open or ApiAccess.Undeclared ? "is administrative, and open to everyone"
        : null;
}

/// <summary>One request to the control API, authenticated as its route demands.</summary>
internal sealed class ApiCall(HttpContext context, Identity? identity)
{
    /// <summary>Who asks; there is one on every route that is not open.</summary>
    public Identity Identity => identity ?? throw new InvalidOperationException("an open route has no identity");

    public CancellationToken Gone { get; init; } = context.RequestAborted;

    /// <summary>The operation on the one path that this call is; the default where it is none.</summary>
    public OperationId Running { get; init; }

    /// <summary>True when the policy names the caller for what is wider than their own.</summary>
    public bool IsWider { get; init; }

    /// <summary>The JSON body, an object with declared members alone; null when there is none that could be read.</summary>
    public JsonElement? Body { get; init; }

    public string Value(string name) => (string)context.Request.RouteValues[name]!;

    /// <summary>A parameter of the address, or null; given twice it is none.</summary>
    public string? Query(string name) => context.Request.Query.TryGetValue(name, out var values) && values.Count == 1 ? values[0] : null;

    /// <summary>The JSON body, as <see cref="Body"/>.</summary>
    public ValueTask<JsonElement?> BodyAsync() => ValueTask.FromResult(Body);

    /// <summary>The same call as an operation.</summary>
    public ApiCall As(OperationId running, bool isWider, CancellationToken ended) => new(context, identity) { Running = running, IsWider = isWider, Body = Body, Gone = ended };
}

/// <summary>What a route answers.</summary>
internal abstract record ApiAnswer
{
    private ApiAnswer()
    {
    }

    /// <summary>A document.</summary>
    public sealed record Document(Action<Utf8JsonWriter> Write) : ApiAnswer
    {
        public int Status { get; init; } = StatusCodes.Status200OK;
    }

    /// <summary>Bytes that are JSON already.</summary>
    public sealed record Bytes(ReadOnlyMemory<byte> Json) : ApiAnswer
    {
        public int Status { get; init; } = StatusCodes.Status200OK;

        public bool IsProblem { get; init; }
    }

    /// <summary>A refusal (RFC 9457), in the envelope's words.</summary>
    public sealed record Problem(int Status, string Code, string Reason) : ApiAnswer;

    /// <summary>What is not there and what may not be seen cannot be told apart.</summary>
    public static Problem NotFound() => new(StatusCodes.Status404NotFound, "not_found", "There is nothing here that you may see.");

    public static Document List<T>(IEnumerable<T> items, Action<Utf8JsonWriter, T> write) => new(json =>
    {
        json.WriteStartObject();
        json.WriteStartArray("items");
        foreach (var item in items) write(json, item);
        json.WriteEndArray();
        json.WriteEndObject();
    });
}
