using System.Buffers;
using System.Net.Http.Headers;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Policy;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Notices;

/// <summary>
/// Tells reviewers in a channel of their workspace. A button denies there; to approve, the page must have shown the request and the person
/// must have signed in just now (G8, G9), so the other button leads there.
/// </summary>
internal sealed class SlackNotifier(SlackOptions options, string publicUrl) : INotifier
{
    public const string Channel = "slack";

    /// <summary>The button that denies.</summary>
    public const string DenyAction = "postern_deny";

    private readonly ReceiverPost _post = new("Slack");

    public string Name => Channel;

    public byte[] BodyOf(NoticeKind kind, Hold hold) => Body(NoticeText.Of(kind, hold), $"{publicUrl}/approve/{hold.Id}", kind == NoticeKind.Settled ? "See what became of it" : "See and answer", kind == NoticeKind.Settled ? null : hold.Id);

    public byte[] BodyOf(Grant grant, RequestEntry entry) => Body(":rotating_light: " + NoticeText.Of(grant), $"{publicUrl}/grants/{grant.Id}", "See it, or take it back", null);

    public async ValueTask<string?> SendAsync(Notice notice, DateTimeOffset now, CancellationToken stopping)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, options.Api.TrimEnd('/') + "/chat.postMessage") { Content = new ByteArrayContent(notice.Body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json") { CharSet = "utf-8" };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", options.Token);
        return await _post.SendAsync(request, Refusal, stopping).ConfigureAwait(false);
    }

    // Slack answers 200 to what it refuses as well.
    private static string? Refusal(byte[] answer)
    {
        try
        {
            using var json = JsonDocument.Parse(answer);
            if (json.RootElement.ValueKind != JsonValueKind.Object) return "Slack's answer cannot be read";
            if (json.RootElement.TryGetProperty("ok", out var ok) && ok.ValueKind == JsonValueKind.True) return null;
            return json.RootElement.TryGetProperty("error", out var error) && error.ValueKind == JsonValueKind.String && error.GetString() is { Length: < 64 } code ? $"Slack refused it ({code})" : "Slack refused it";
        }
        catch (JsonException)
        {
            return "Slack's answer cannot be read";
        }
    }

    public void Dispose() => _post.Dispose();

    private byte[] Body(string line, string link, string label, string? deniable)
    {
        var body = new ArrayBufferWriter<byte>(1024);
        using var json = new Utf8JsonWriter(body);
        json.WriteStartObject();
        json.WriteString("channel", options.Channel);
        json.WriteString("text", Escaped(line));
        json.WriteBoolean("unfurl_links", false);
        json.WriteStartArray("blocks");
        json.WriteStartObject();
        json.WriteString("type", "section");
        json.WriteStartObject("text");
        // Plain text: what comes from outside can neither link nor mention anybody.
        json.WriteString("type", "plain_text");
        json.WriteString("text", line);
        json.WriteEndObject();
        json.WriteEndObject();
        json.WriteStartObject();
        json.WriteString("type", "actions");
        json.WriteStartArray("elements");
        Button(json, label, "postern_open", link, null);
        if (deniable is not null) Button(json, "Deny", DenyAction, null, deniable);
        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteEndObject();
        json.Flush();
        return body.WrittenSpan.ToArray();
    }

    private static void Button(Utf8JsonWriter json, string label, string action, string? url, string? value)
    {
        json.WriteStartObject();
        json.WriteString("type", "button");
        json.WriteStartObject("text");
        json.WriteString("type", "plain_text");
        json.WriteString("text", label);
        json.WriteEndObject();
        json.WriteString("action_id", action);
        if (url is not null) json.WriteString("url", url);
        if (value is not null)
        {
            json.WriteString("value", value);
            json.WriteString("style", "danger");
        }
        json.WriteEndObject();
    }

    private static string Escaped(string text) => text.Replace("&", "&amp;", StringComparison.Ordinal).Replace("<", "&lt;", StringComparison.Ordinal).Replace(">", "&gt;", StringComparison.Ordinal);
}
