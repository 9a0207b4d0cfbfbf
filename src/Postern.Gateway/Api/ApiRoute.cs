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

/// <summary>One route of the control API.</summary>
internal sealed record ApiRoute(string Operation, string Method, string Path)
{
    public ApiAccess Access { get; init; }

    /// <summary>The longest body, in bytes.</summary>
    public int MaxBody { get; init; } = 64 * 1024;

    public required Func<ApiCall, ValueTask<ApiAnswer>> Handle { get; init; }
}

/// <summary>One request to the control API, authenticated as its route demands.</summary>
internal sealed class ApiCall(HttpContext context, Identity? identity)
{
    /// <summary>Who asks; there is one on every route that is not open.</summary>
    public Identity Identity => identity ?? throw new InvalidOperationException("an open route has no identity");

    public CancellationToken Gone => context.RequestAborted;

    public string Value(string name) => (string)context.Request.RouteValues[name]!;

    /// <summary>The JSON body, strictly read; null when it is absent, too long or not JSON.</summary>
    public async ValueTask<JsonElement?> BodyAsync()
    {
        try
        {
            using var document = await JsonDocument.ParseAsync(context.Request.Body, new JsonDocumentOptions { MaxDepth = 16, AllowDuplicateProperties = false }, Gone).ConfigureAwait(false);
            return document.RootElement.Clone();
        }
        catch (JsonException)
        {
            return null;
        }
        catch (BadHttpRequestException)
        {
            return null;
        }
    }
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
    public sealed record Bytes(ReadOnlyMemory<byte> Json) : ApiAnswer;

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
