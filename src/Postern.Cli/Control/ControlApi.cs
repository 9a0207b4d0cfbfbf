using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Nodes;

#pragma warning disable RS0030 // the control plane's own client: it speaks to the gateway, never to a target

namespace Postern.Cli.Control;

/// <summary>
/// Speaks to a gateway's control API (<c>/api/v1</c>) for one person. What the API refuses becomes an exit code and one
/// line that says what to do.
/// </summary>
internal sealed class ControlApi : IDisposable
{
    private const int MaxAnswerBytes = 64 * 1024 * 1024;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Uri _gateway;
    private readonly HttpClient _http;

    /// <param name="gateway">Base URL of the gateway.</param>
    /// <param name="token">The person's access token, or null when nobody is signed in.</param>
    public ControlApi(Uri gateway, string? token)
    {
        _gateway = gateway;
        // A redirect would carry the token to a place that nobody chose.
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
        {
            BaseAddress = new Uri(gateway.AbsoluteUri.TrimEnd('/') + "/api/v1/"),
            Timeout = Patience,
            MaxResponseContentBufferSize = MaxAnswerBytes,
        };
        _http.DefaultRequestHeaders.Accept.ParseAdd("application/json");
        if (token is not null) _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Reads one document.</summary>
    /// <param name="path">Below <c>/api/v1/</c>, values already escaped.</param>
    /// <param name="what">What is asked for, for the message when there is none, for example <c>session `x`</c>.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    /// <exception cref="CommandException">No answer, a refusal, or an answer that is not JSON.</exception>
    public Task<JsonNode> GetAsync(string path, string what, CancellationToken cancellationToken) => AskAsync(
        async () =>
        {
            using var response = await _http.GetAsync(new Uri(path, UriKind.Relative), cancellationToken);
            if (!response.IsSuccessStatusCode) throw await RefusalAsync(response, what, cancellationToken);
            return await response.Content.ReadFromJsonAsync<JsonNode>(cancellationToken) ?? throw NotUnderstood();
        },
        cancellationToken);

    /// <summary>Sends a document, and reads the answer.</summary>
    /// <param name="path">Below <c>/api/v1/</c>, values already escaped.</param>
    /// <param name="body">What is sent.</param>
    /// <param name="what">What is asked for, as above.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    /// <exception cref="CommandException">No answer, a refusal, or an answer that is not JSON.</exception>
    public Task<JsonNode> PostAsync(string path, JsonObject body, string what, CancellationToken cancellationToken) => AskAsync(
        async () =>
        {
            using var response = await _http.PostAsJsonAsync(new Uri(path, UriKind.Relative), body, cancellationToken);
            if (!response.IsSuccessStatusCode) throw await RefusalAsync(response, what, cancellationToken);
            return await response.Content.ReadFromJsonAsync<JsonNode>(cancellationToken) ?? throw NotUnderstood();
        },
        cancellationToken);

    /// <summary>Asks for something to be done; what a refusal means is the command's to say.</summary>
    /// <param name="path">Below <c>/api/v1/</c>, values already escaped.</param>
    /// <param name="body">What is sent.</param>
    /// <param name="cancellationToken">Interrupt.</param>
    /// <exception cref="CommandException">No answer, nobody signed in, or an answer that is not JSON.</exception>
    public Task<ControlAnswer> PostAsync(string path, JsonNode body, CancellationToken cancellationToken) => AskAsync(
        async () =>
        {
            using var response = await _http.PostAsJsonAsync(new Uri(path, UriKind.Relative), body, cancellationToken);
            if (response.StatusCode is HttpStatusCode.Unauthorized or HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout) throw await RefusalAsync(response, "that", cancellationToken);
            return response.IsSuccessStatusCode
                ? new ControlAnswer(response.StatusCode, await response.Content.ReadFromJsonAsync<JsonNode>(cancellationToken) ?? throw NotUnderstood(), "")
                : new ControlAnswer(response.StatusCode, null, await DetailAsync(response, cancellationToken));
        },
        cancellationToken);

    private async Task<T> AskAsync<T>(Func<Task<T>> ask, CancellationToken cancellationToken)
    {
        try
        {
            return await ask();
        }
        catch (HttpRequestException e)
        {
            throw new CommandException(ExitCode.Unreachable, $"no gateway answers at `{_gateway}` ({Cause(e)}); start one with `postern serve`, or name another with `--gateway`");
        }
        catch (JsonException)
        {
            throw NotUnderstood();
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new CommandException(ExitCode.Unreachable, $"the gateway at `{_gateway}` did not answer within {Patience.TotalSeconds:0} seconds; try again");
        }
    }

    /// <summary>Reads a list; either the document is one or it holds one under <c>items</c>.</summary>
    public async Task<IReadOnlyList<JsonObject>> ListAsync(string path, string what, CancellationToken cancellationToken)
    {
        var answer = await GetAsync(path, what, cancellationToken);
        var items = answer as JsonArray ?? (answer as JsonObject)?["items"] as JsonArray ?? throw NotUnderstood();
        return [.. items.OfType<JsonObject>()];
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<CommandException> RefusalAsync(HttpResponseMessage response, string what, CancellationToken cancellationToken)
    {
        var detail = await DetailAsync(response, cancellationToken);
        return response.StatusCode switch
        {
            HttpStatusCode.Unauthorized => new CommandException(ExitCode.LoginNeeded, $"the gateway at `{_gateway}` wants to know who asks; sign in with `postern login`"),
            HttpStatusCode.Forbidden => new CommandException(ExitCode.Denied, $"you may not see {what}{detail}"),
            HttpStatusCode.BadRequest => new CommandException(ExitCode.Usage, $"the gateway cannot do that{detail}"),
            HttpStatusCode.NotFound => new CommandException(ExitCode.NotFound, $"{what} does not exist, or is not yours to see"),
            HttpStatusCode.ServiceUnavailable or HttpStatusCode.BadGateway or HttpStatusCode.GatewayTimeout =>
                new CommandException(ExitCode.Unreachable, $"the gateway at `{_gateway}` cannot work at the moment{detail}"),
            _ => new CommandException(ExitCode.Failure, $"the gateway answered {(int)response.StatusCode} when asked for {what}{detail}"),
        };
    }

    // problem+json (RFC 9457): its detail is written for people.
    private static async Task<string> DetailAsync(HttpResponseMessage response, CancellationToken cancellationToken)
    {
        try
        {
            var problem = await response.Content.ReadFromJsonAsync<JsonObject>(cancellationToken);
            var text = (problem?["detail"] ?? problem?["title"]) is JsonValue value && value.TryGetValue<string>(out var found) ? found : null;
            return text is null ? "" : ": " + Postern.Core.Recording.VisibleText.OfLines(text);
        }
        catch (JsonException)
        {
            return "";
        }
    }

    private CommandException NotUnderstood() => new(ExitCode.Failure, $"`{_gateway}` answers, but not as a Postern gateway does; check the URL");

    private static string Cause(HttpRequestException e) => e.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => "the name is not known",
        HttpRequestError.ConnectionError => "nothing listens there",
        HttpRequestError.SecureConnectionError => "its certificate is not trusted",
        _ => "the connection failed",
    };
}

/// <summary>What came of asking for something to be done.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Body">The document, when it was done or began.</param>
/// <param name="Detail">A colon and what people should read, when it was not; empty when nothing was said.</param>
internal sealed record ControlAnswer(HttpStatusCode Status, JsonNode? Body, string Detail);
