using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.AspNetCore.WebUtilities;
using Postern.Core.Approvals;
using Postern.Core.Operations;
using Postern.Gateway.Configuration;
using Postern.Gateway.Pages;
using Postern.Protocols;

namespace Postern.Gateway.Notices;

/// <summary>
/// Takes the button that denies. What comes is checked as if anyone could have sent it: Slack's signature over the exact bytes, its age, that it was
/// not here before, the workspace, who pressed, and whether that person may answer this very hold now (attacks A05, A06). It never approves.
/// </summary>
internal sealed class SlackInteractions(SlackOptions options, ApprovalDesk desk, People people, RefusalNotes notes, TimeProvider clock)
{
    public const string Path = "/hooks/slack";

    private const int MaxBody = 256 * 1024;
    private const int MaxRemembered = 10_000;
    private static readonly TimeSpan Oldest = TimeSpan.FromMinutes(5);

    private readonly Lock _gate = new();
    private readonly Queue<(DateTimeOffset At, string Signature)> _order = new();
    private readonly HashSet<string> _seen = new(StringComparer.Ordinal);

    public void Map(IEndpointRouteBuilder endpoints) => endpoints.MapPost(Path, (RequestDelegate)TakeAsync);

    /// <summary>Slack's signature: HMAC-SHA256 over version, timestamp and body (docs.slack.dev, "Verifying requests from Slack").</summary>
    public static string Sign(string secret, string timestamp, ReadOnlySpan<byte> body)
    {
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.UTF8.GetBytes(secret));
        hmac.AppendData(Encoding.ASCII.GetBytes($"v0:{timestamp}:"));
        hmac.AppendData(body);
        return "v0=" + Convert.ToHexStringLower(hmac.GetHashAndReset());
    }

    private async Task TakeAsync(HttpContext context)
    {
        await SignedPages.OffTheSocketThread();
        if (await BodyAsync(context).ConfigureAwait(false) is not { } body || Complaint(context, body) is { } complaint && await RefusedAsync(complaint).ConfigureAwait(false))
        {
            context.Response.StatusCode = StatusCodes.Status401Unauthorized;
            return;
        }
        var (status, text) = await AnswerAsync(body, context.RequestAborted).ConfigureAwait(false);
        context.Response.StatusCode = status;
        if (status != StatusCodes.Status200OK) return;
        context.Response.ContentType = "application/json";
        await context.Response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(new Reply("ephemeral", false, text)), context.RequestAborted).ConfigureAwait(false);
    }

    private async ValueTask<(int Status, string Text)> AnswerAsync(byte[] body, CancellationToken cancellationToken)
    {
        if (Read(body) is not { } press)
        {
            await RefusedAsync("what was pressed cannot be read").ConfigureAwait(false);
            return (StatusCodes.Status400BadRequest, "");
        }
        if (press.Workspace != options.Workspace || press.UserWorkspace != options.Workspace)
        {
            await RefusedAsync("it comes from another workspace").ConfigureAwait(false);
            return (StatusCodes.Status401Unauthorized, "");
        }
        // The button that leads to the page is reported too; it asks for nothing.
        if (press.Action != SlackNotifier.DenyAction) return (StatusCodes.Status200OK, "");
        if (!options.Users.TryGetValue(press.User, out var account)) return (StatusCodes.Status200OK, "Nothing was answered: nobody said who you are to Postern. Answer on the page.");
        if (people.GroupsKnownOf(account) is not { } groups) return (StatusCodes.Status200OK, "Nothing was answered: Postern has not seen you lately. Sign in on the page once, or answer there.");
        var colon = account.IndexOf(':', StringComparison.Ordinal);
        // Signed by Slack this minute for this very press; good for a no alone.
        var person = new Identity
        {
            Issuer = account[..colon], Subject = account[(colon + 1)..], Kind = IdentityKind.Person, InteractiveSince = clock.GetUtcNow(),
            Groups = [.. groups.Select(group => group[(colon + 1)..])],
        };
        return (StatusCodes.Status200OK, await desk.AnswerAsync(press.Hold, person, approve: false, $"denied in Slack by {press.User}", cancellationToken).ConfigureAwait(false) switch
        {
            AnswerResult.Accepted => "Denied. Whoever asked is told.",
            AnswerResult.Over => "Nothing was answered: this is over already.",
            AnswerResult.AlreadyAnswered => "You answered this before; one person counts once.",
            AnswerResult.NotAllowed => "Nothing was answered: you may see this, but not answer it.",
            _ => "Nothing was answered: there is no such question, or it is not yours to answer.",
        });
    }

    private string? Complaint(HttpContext context, byte[] body)
    {
        var now = clock.GetUtcNow();
        if (context.Request.Headers["X-Slack-Request-Timestamp"] is not [{ } timestamp] || !long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) || seconds > 253_402_300_799) return "it has no time";
        if (context.Request.Headers["X-Slack-Signature"] is not [{ } signature]) return "it is not signed";
        if (!CryptographicOperations.FixedTimeEquals(Encoding.UTF8.GetBytes(signature), Encoding.UTF8.GetBytes(Sign(options.SigningSecret, timestamp, body)))) return "its signature is wrong";
        if ((now - DateTimeOffset.FromUnixTimeSeconds(seconds)).Duration() > Oldest) return "it is too old";
        return IsNew(signature, now) ? null : "it was here before";
    }

    private bool IsNew(string signature, DateTimeOffset now)
    {
        lock (_gate)
        {
            while (_order.TryPeek(out var first) && now - first.At > Oldest + Oldest) _seen.Remove(_order.Dequeue().Signature);
            // Full of presses of the last minutes: none can be told from a repeat any more, so none is taken.
            if (_order.Count >= MaxRemembered || !_seen.Add(signature)) return false;
            _order.Enqueue((now, signature));
            return true;
        }
    }

    private async ValueTask<bool> RefusedAsync(string why)
    {
        await notes.NoteAsync("slack.refused", why, "gateway").ConfigureAwait(false);
        return true;
    }

    private static async ValueTask<byte[]?> BodyAsync(HttpContext context)
    {
        if (context.Request.ContentLength is null or > MaxBody) return null;
        if (context.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } cap) cap.MaxRequestBodySize = MaxBody;
        var body = new byte[context.Request.ContentLength.Value];
        try
        {
            await context.Request.Body.ReadExactlyAsync(body, context.RequestAborted).ConfigureAwait(false);
            return body;
        }
        catch (EndOfStreamException)
        {
            return null;
        }
    }

    private static Press? Read(byte[] body)
    {
        try
        {
            if (!QueryHelpers.ParseQuery(Encoding.UTF8.GetString(body)).TryGetValue("payload", out var payload) || payload is not [{ } text]) return null;
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = 32, AllowDuplicateProperties = false });
            var root = document.RootElement;
            if (root.GetProperty("type").GetString() != "block_actions" || root.GetProperty("actions") is not { ValueKind: JsonValueKind.Array } actions || actions.GetArrayLength() != 1) return null;
            var (user, action) = (root.GetProperty("user"), actions[0]);
            return new Press(
                root.GetProperty("team").GetProperty("id").GetString()!, user.GetProperty("team_id").GetString()!, user.GetProperty("id").GetString()!, action.GetProperty("action_id").GetString()!,
                action.TryGetProperty("value", out var value) ? value.GetString() ?? "" : "");
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException or KeyNotFoundException)
        {
            return null;
        }
    }

    private sealed record Press(string Workspace, string UserWorkspace, string User, string Action, string Hold);

    private sealed record Reply(
        [property: System.Text.Json.Serialization.JsonPropertyName("response_type")] string ResponseType,
        [property: System.Text.Json.Serialization.JsonPropertyName("replace_original")] bool ReplaceOriginal,
        [property: System.Text.Json.Serialization.JsonPropertyName("text")] string Text);
}
