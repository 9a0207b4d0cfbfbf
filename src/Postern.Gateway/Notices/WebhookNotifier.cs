using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using Postern.Core.Approvals;
using Postern.Core.Grants;
using Postern.Core.Policy;
using Postern.Gateway.Configuration;

namespace Postern.Gateway.Notices;

/// <summary>Tells reviewers by a signed POST.</summary>
internal sealed class WebhookNotifier(WebhookOptions options, string publicUrl) : INotifier
{
    public const string Channel = "webhook";

    private readonly ReceiverPost _post = new("the receiver");

    public string Name => Channel;

    public byte[] BodyOf(NoticeKind kind, Hold hold) => Body(json =>
    {
        json.WriteString("kind", kind switch { NoticeKind.Settled => "hold.settled", NoticeKind.Reminder => "hold.reminder", _ => "hold.opened" });
        json.WriteString("id", hold.Id);
        json.WriteString("url", $"{publicUrl}/approve/{hold.Id}");
        json.WriteString("connection", hold.Connection);
        json.WriteString("rule", hold.Rule);
        json.WriteString("risk", hold.Terms.Risk.ToString().ToLowerInvariant());
        json.WriteString("requestedBy", hold.RequesterName ?? hold.Requester);
        json.WriteString("summary", NoticeText.Of(kind, hold));
        if (kind == NoticeKind.Settled) json.WriteString("state", hold.State.ToString().ToLowerInvariant());
        json.WriteString("openedAt", hold.OpenedAt.ToString("O", CultureInfo.InvariantCulture));
        json.WriteString("expiresAt", hold.ExpiresAt.ToString("O", CultureInfo.InvariantCulture));
    });

    public byte[] BodyOf(Grant grant, RequestEntry entry) => Body(json =>
    {
        json.WriteString("kind", "grant.break_glass");
        json.WriteString("id", grant.Id);
        json.WriteString("url", $"{publicUrl}/grants/{grant.Id}");
        json.WriteString("request", entry.Id);
        json.WriteString("takenBy", grant.HolderName ?? grant.Holder);
        json.WriteString("summary", NoticeText.Of(grant));
        json.WriteString("reason", grant.Reason);
        json.WriteString("endsAt", grant.EndsAt?.ToString("O", CultureInfo.InvariantCulture));
    });

    public async ValueTask<string?> SendAsync(Notice notice, DateTimeOffset now, CancellationToken stopping)
    {
        var timestamp = WebhookSignature.Timestamp(now);
        using var request = new HttpRequestMessage(HttpMethod.Post, options.Url) { Content = new ByteArrayContent(notice.Body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add(WebhookSignature.DeliveryHeader, notice.Id);
        request.Headers.Add(WebhookSignature.TimestampHeader, timestamp);
        request.Headers.Add(WebhookSignature.SignatureHeader, WebhookSignature.Of(options.Secret, timestamp, notice.Body));
        return await _post.SendAsync(request, refusal: null, stopping).ConfigureAwait(false);
    }

    public void Dispose() => _post.Dispose();

    private static byte[] Body(Action<Utf8JsonWriter> write)
    {
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteNumber("v", 1);
            write(json);
            json.WriteEndObject();
        }
        return body.WrittenSpan.ToArray();
    }
}
