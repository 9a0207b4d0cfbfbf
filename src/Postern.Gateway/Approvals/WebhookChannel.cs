using System.Buffers;
using System.Collections.Immutable;
using System.Globalization;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Postern.Core.Approvals;
using Postern.Core.Recording;
using Postern.Gateway.Configuration;

// The control plane's own client: it speaks to the reviewers' receiver that the operator configured, never to a target.
#pragma warning disable RS0030

namespace Postern.Gateway.Approvals;

/// <summary>
/// Tells reviewers of holds by a signed POST. The notice carries id, link and rule, no value of the request: whoever reads the
/// receiver's channel learns only that something waits. A receiver that is down delays notices and approves nothing. The hold
/// store is what counts: a notice that a crash, a full queue or a fault kept from the outbox is made again from the hold.
/// </summary>
internal sealed partial class WebhookChannel : IHoldChannel, IAsyncDisposable
{
    private const int MaxWaiting = 10_000;
    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestRetry = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private readonly WebhookOptions _options;
    private readonly string _publicUrl;
    private readonly IHoldStore _holds;
    private readonly WebhookOutbox _outbox;
    private readonly IRecorder _recorder;
    private readonly TimeProvider _clock;
    private readonly ILogger _log;
    private readonly HttpClient _http;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Channel<Notice> _new;
    private readonly Task _sending;
    private volatile bool _mayLack = true;

    public WebhookChannel(WebhookOptions options, string publicUrl, IHoldStore holds, WebhookOutbox outbox, IRecorder recorder, TimeProvider clock, ILogger log)
    {
        _options = options;
        _publicUrl = publicUrl;
        _holds = holds;
        _outbox = outbox;
        _new = Channel.CreateBounded<Notice>(new BoundedChannelOptions(MaxWaiting) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true }, _ => _mayLack = true);
        _recorder = recorder;
        _clock = clock;
        _log = log;
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, UseProxy = false, ConnectTimeout = Timeout }) { Timeout = Timeout };
        _sending = Task.Run(SendAsync);
    }

    public void Notify(Hold hold) => _new.Writer.TryWrite(NoticeOf(hold));

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync().ConfigureAwait(false);
        await _sending.ConfigureAwait(false);
        _http.Dispose();
        _stopping.Dispose();
    }

    private Notice NoticeOf(Hold hold) => new(hold.Id, BodyOf(hold), 0, _clock.GetUtcNow(), hold.ExpiresAt);

    private byte[] BodyOf(Hold hold)
    {
        var body = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteNumber("v", 1);
            json.WriteString("kind", "hold.opened");
            json.WriteString("id", hold.Id);
            json.WriteString("url", $"{_publicUrl}/approve/{hold.Id}");
            json.WriteString("connection", hold.Connection);
            json.WriteString("rule", hold.Rule);
            json.WriteString("risk", hold.Terms.Risk.ToString().ToLowerInvariant());
            json.WriteString("requestedBy", hold.RequesterName ?? hold.Requester);
            json.WriteString("summary", $"an operation on {hold.Connection} waits for approval (rule {hold.Rule})");
            json.WriteString("openedAt", hold.OpenedAt.ToString("O", CultureInfo.InvariantCulture));
            json.WriteString("expiresAt", hold.ExpiresAt.ToString("O", CultureInfo.InvariantCulture));
            json.WriteEndObject();
        }
        return body.WrittenSpan.ToArray();
    }

    private async Task SendAsync()
    {
        var stopping = _stopping.Token;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                if (_mayLack) await MakeMissingAsync(stopping).ConfigureAwait(false);
                while (_new.Reader.TryRead(out var notice)) await _outbox.AddAsync(notice, stopping).ConfigureAwait(false);
                var first = await _outbox.FirstAsync(stopping).ConfigureAwait(false);
                var now = _clock.GetUtcNow();
                if (first is not null && first.NextAt <= now) await DeliverAsync(first, now, stopping).ConfigureAwait(false);
                else await WaitAsync(first is null ? LongestRetry : first.NextAt - now, stopping).ConfigureAwait(false);
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception fault)
            {
                // Database trouble: holds themselves are refused by then; notices go on when it is well again.
                _mayLack = true;
                Faulted(_log, fault.GetType().Name);
                await PauseAsync(stopping).ConfigureAwait(false);
            }
        }
    }

    /// <summary>A hold is opened in its own database; between that and the outbox the gateway may have died.</summary>
    private async Task MakeMissingAsync(CancellationToken stopping)
    {
        _mayLack = false;
        var now = _clock.GetUtcNow();
        foreach (var hold in await _holds.OpenAsync(now, stopping).ConfigureAwait(false)) await _outbox.AddAsync(NoticeOf(hold), stopping).ConfigureAwait(false);
        await _outbox.ForgetAsync(now, stopping).ConfigureAwait(false);
    }

    private async Task DeliverAsync(Notice notice, DateTimeOffset now, CancellationToken stopping)
    {
        var outcome = await PostAsync(notice, now, stopping).ConfigureAwait(false);
        if (outcome is null)
        {
            await _outbox.FinishAsync(notice.Id, stopping).ConfigureAwait(false);
            return;
        }
        var pause = TimeSpan.FromTicks(Math.Min(LongestRetry.Ticks, FirstRetry.Ticks << Math.Min(notice.Attempts, 16)));
        if (now + pause < notice.GiveUpAt)
        {
            await _outbox.RetryAsync(notice.Id, now + pause, stopping).ConfigureAwait(false);
            NotDelivered(_log, notice.Id, outcome, notice.Attempts + 1);
            return;
        }
        await _outbox.FinishAsync(notice.Id, stopping).ConfigureAwait(false);
        GaveUp(_log, notice.Id, outcome);
        await _recorder.NoteAsync(new Occurrence("webhook.gave_up", now, [new("hold", notice.Id), new("outcome", outcome)]), stopping).ConfigureAwait(false);
    }

    /// <summary>Null when the receiver took it; otherwise what happened instead.</summary>
    private async Task<string?> PostAsync(Notice notice, DateTimeOffset now, CancellationToken stopping)
    {
        var timestamp = WebhookSignature.Timestamp(now);
        using var request = new HttpRequestMessage(HttpMethod.Post, _options.Url) { Content = new ByteArrayContent(notice.Body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.Add(WebhookSignature.DeliveryHeader, notice.Id);
        request.Headers.Add(WebhookSignature.TimestampHeader, timestamp);
        request.Headers.Add(WebhookSignature.SignatureHeader, WebhookSignature.Of(_options.Secret, timestamp, notice.Body));
        try
        {
            using var response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, stopping).ConfigureAwait(false);
            return response.IsSuccessStatusCode ? null : string.Create(CultureInfo.InvariantCulture, $"the receiver answered {(int)response.StatusCode}");
        }
        catch (HttpRequestException failure)
        {
            return $"the receiver cannot be reached ({failure.HttpRequestError})";
        }
        catch (OperationCanceledException) when (!stopping.IsCancellationRequested)
        {
            return "the receiver did not answer in time";
        }
    }

    private async Task WaitAsync(TimeSpan pause, CancellationToken stopping)
    {
        try
        {
            await _new.Reader.WaitToReadAsync(stopping).AsTask().WaitAsync(pause, _clock, stopping).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            // The next notice is due; and now and then it is worth looking whether one was never made.
            _mayLack = true;
        }
    }

    private async Task PauseAsync(CancellationToken stopping)
    {
        try
        {
            await System.Threading.Tasks.Task.Delay(FirstRetry, _clock, stopping).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Stopping; the loop's own condition ends it.
        }
    }

    [LoggerMessage(EventId = 130, Level = LogLevel.Warning, Message = "notice of hold {Hold} not delivered, attempt {Attempt}: {Outcome}")]
    private static partial void NotDelivered(ILogger log, string hold, string outcome, int attempt);

    [LoggerMessage(EventId = 131, Level = LogLevel.Error, Message = "notice of hold {Hold} given up: {Outcome}")]
    private static partial void GaveUp(ILogger log, string hold, string outcome);

    [LoggerMessage(EventId = 132, Level = LogLevel.Error, Message = "notices pause: {Fault}")]
    private static partial void Faulted(ILogger log, string fault);
}
