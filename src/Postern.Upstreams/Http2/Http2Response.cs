using System.Buffers;
using System.Globalization;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Postern.Core.Pipeline;

namespace Postern.Upstreams.Http2;

/// <summary>A response over HTTP/2, with what the platform lets pass refused: control characters, headers of another version, lengths that are not true.</summary>
internal sealed class Http2Response : UpstreamResponse
{
    private static readonly SearchValues<char> Token = SearchValues.Create("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz");
    private static readonly SearchValues<char> Controls = SearchValues.Create([.. Enumerable.Range(0, 32).Where(character => character != '\t').Select(character => (char)character), '\x7f', HeaderText.Control]);

    private readonly HttpResponseMessage _response;
    private readonly OnceRequest _request;
    private readonly Http2Upload? _upload;
    private readonly DeadlineWatch _deadlines;
    private readonly Deadline _deadline;
    private readonly List<KeyValuePair<string, string>> _headers;
    private readonly long? _length;
    private List<KeyValuePair<string, string>>? _trailers;
    private Stream? _body;
    private long _seen;
    private ReplyPatience _waiting;
    private bool _isDisposed;

    /// <exception cref="UpstreamException">Its head has more than one reading.</exception>
    public Http2Response(HttpResponseMessage response, OnceRequest message, Http2Upload? upload, DeadlineWatch deadlines, Deadline deadline, UpstreamPatience patience, UpstreamRequest request)
    {
        (_response, _request, _upload, _deadlines, _deadline, _waiting) = (response, message, upload, deadlines, deadline, new ReplyPatience(deadlines.Clock, deadline, patience, request.OnlyListens));
        try
        {
            _headers = new List<KeyValuePair<string, string>>(16);
            Read(response.Headers.NonValidated, _headers, isTrailer: false);
            Read(response.Content.Headers.NonValidated, _headers, isTrailer: false);
            if (Status is < 200 or > 599) throw Invalid("the target's status is none of a final answer");
            if (Header("content-length") is { } text)
            {
                if (text.Length is 0 or > 18 || text.AsSpan().ContainsAnyExceptInRange('0', '9')) throw Invalid("the target's `Content-Length` is not a number of bytes");
                if (request.Method != "HEAD" && Status is not (204 or 304)) _length = long.Parse(text, CultureInfo.InvariantCulture);
            }
        }
        catch
        {
            response.Dispose();
            throw;
        }
        upload?.Answered();
        if (upload?.IsOver == true) deadline.Clear();
    }

    public override int Status => (int)_response.StatusCode;

    public override IReadOnlyList<KeyValuePair<string, string>> Headers => _headers;

    public override IReadOnlyList<KeyValuePair<string, string>> Trailers => _trailers ?? [];

    public override bool MayTrail => true;

    public override string? Header(string name)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        string? found = null;
        foreach (var (key, value) in _headers)
        {
            if (!key.Equals(name, StringComparison.OrdinalIgnoreCase)) continue;
            if (found is not null) throw Invalid($"the target sent the header `{name}` more than once");
            found = value;
        }
        return found;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> into, bool isMidMessage)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_trailers is not null) return 0;
        try
        {
            _body ??= await _response.Content.ReadAsStreamAsync(_deadline.Token).ConfigureAwait(false);
            _waiting.Begin(isMidMessage);
            var read = await _body.ReadAsync(into, _deadline.Token).ConfigureAwait(false);
            _seen += read;
            if (_seen > _length || (read == 0 && _length is not null && _seen != _length)) throw Invalid("the target's body is not as long as it said");
            if (read == 0)
            {
                var trailers = new List<KeyValuePair<string, string>>();
                Read(_response.TrailingHeaders.NonValidated, trailers, isTrailer: true);
                _trailers = trailers;
            }
            return read;
        }
        catch (Exception fault) when (_deadline.HasPassed)
        {
            throw ReplyPatience.Passed(isMidMessage, fault);
        }
        catch (Exception) when (_deadline.Token.IsCancellationRequested)
        {
            throw new OperationCanceledException(_deadline.Token);
        }
        catch (Exception) when (_upload?.Fault is { } caller)
        {
            throw caller is UpstreamException ? caller : new UpstreamException(RefusalCode.InvalidRequest, "the body of the request could not be read to its end", caller);
        }
        catch (Exception fault) when (fault is IOException or HttpRequestException or ObjectDisposedException or OperationCanceledException)
        {
            throw new UpstreamException(RefusalCode.UpstreamInvalid, "the target's body broke off", fault);
        }
        finally
        {
            // What follows is the gateway's own time and the caller's, not the target's.
            _deadline.Clear();
        }
    }

    public override async ValueTask DisposeAsync()
    {
        if (_isDisposed) return;
        _isDisposed = true;
        // A body that is still on its way up belongs to a caller that is about to be gone: it ends first.
        if (_upload is not null) await _upload.EndAsync().ConfigureAwait(false);
        _response.Dispose();
        _request.Dispose();
        _deadlines.Return(_deadline);
    }

    // RFC 9113 section 8.2: a header of another version's connections, or one that would end a line there, makes a message malformed.
    private static void Read(HttpHeadersNonValidated from, List<KeyValuePair<string, string>> into, bool isTrailer)
    {
        foreach (var (name, values) in from)
        {
            if (name.Length == 0 || name.AsSpan().ContainsAnyExcept(Token)) throw Invalid("a header of the target has no name, or one that is not a token");
            if (!isTrailer && IsOfConnections(name)) throw Invalid("the target sent a header of HTTP/1.1 connections over HTTP/2");
            foreach (var value in values)
            {
                if (value.AsSpan().ContainsAny(Controls)) throw Invalid("a header of the target holds control characters");
                var text = value.Trim(' ', '\t');
                // What says more than visible ASCII is left out, because nobody can tell what it says.
                if (!text.AsSpan().ContainsAnyExceptInRange(' ', '~')) into.Add(new(name, text));
            }
        }
    }

    private static bool IsOfConnections(string name) =>
        name.Equals("connection", StringComparison.OrdinalIgnoreCase) || name.Equals("keep-alive", StringComparison.OrdinalIgnoreCase) || name.Equals("proxy-connection", StringComparison.OrdinalIgnoreCase)
        || name.Equals("transfer-encoding", StringComparison.OrdinalIgnoreCase) || name.Equals("upgrade", StringComparison.OrdinalIgnoreCase);

    private static UpstreamException Invalid(string message) => new(RefusalCode.UpstreamInvalid, message);
}
