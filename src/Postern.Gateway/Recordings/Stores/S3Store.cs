using System.Globalization;
using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using Postern.Gateway.Configuration;

// What the other side writes into an error may hold what it was sent: nothing of it goes further, not even as an inner exception.
#pragma warning disable MA0054

namespace Postern.Gateway.Recordings.Stores;

/// <summary>
/// Pieces as objects of a bucket, in Amazon S3 or what speaks like it. Each is put on the condition that there is none of its name. Stores
/// that do not know the condition exist, so it is looked for first as well; there, two writers at the same moment would not see each other,
/// which is why a journal has one.
/// </summary>
internal sealed class S3Store : IRecordingStore
{
    private const int LongestWord = 64;
    private const int MostPieces = 5_000_000;

    private readonly StoreTarget.S3 _target;
    private readonly TimeSpan _patience;
    private readonly AmazonS3Client _client;

    public S3Store(StoreTarget.S3 target, TimeSpan? patience = null)
    {
        _target = target;
        _patience = patience ?? TimeSpan.FromMinutes(2);
        _client = new AmazonS3Client(new BasicAWSCredentials(target.AccessKey, target.SecretKey), new AmazonS3Config
        {
            ServiceURL = target.Url,
            AuthenticationRegion = target.Region,
            ForcePathStyle = true,
            // The uploader knows when to try again. What the environment says of other endpoints, proxies or credentials is not read.
            MaxErrorRetry = 0,
            IgnoreConfiguredEndpointUrls = true,
            AllowAutoRedirect = false,
            DisableLogging = true,
            DefaultConfigurationMode = DefaultConfigurationMode.Standard,
            RetryMode = RequestRetryMode.Standard,
            // What stands in for S3 elsewhere refuses trailing checksums; the digest goes into a header, and into the signature.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            HttpClientFactory = new PinnedClients(target),
        });
    }

    public string Place => $"bucket `{_target.Bucket}` at `{_target.Url}`";

    public async ValueTask<bool> PutAsync(string name, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        var key = KeyOf(name);
        if (await AskAsync(async token =>
        {
            try
            {
                await _client.GetObjectMetadataAsync(new GetObjectMetadataRequest { BucketName = _target.Bucket, Key = key }, token).ConfigureAwait(false);
                return true;
            }
            catch (AmazonS3Exception missing) when (missing.StatusCode == HttpStatusCode.NotFound)
            {
                return false;
            }
        }, cancellationToken).ConfigureAwait(false))
        {
            return false;
        }
        return await AskAsync(async token =>
        {
            using var content = new MemoryStream(bytes.ToArray(), writable: false);
            try
            {
                await _client.PutObjectAsync(new PutObjectRequest
                {
                    BucketName = _target.Bucket,
                    Key = key,
                    InputStream = content,
                    AutoCloseStream = false,
                    ContentType = "application/octet-stream",
                    IfNoneMatch = "*",
                    ChecksumSHA256 = Convert.ToBase64String(SHA256.HashData(bytes.Span)),
                    UseChunkEncoding = false,
                }, token).ConfigureAwait(false);
                return true;
            }
            catch (AmazonS3Exception taken) when (taken.StatusCode == HttpStatusCode.PreconditionFailed)
            {
                return false;
            }
        }, cancellationToken).ConfigureAwait(false);
    }

    public async IAsyncEnumerable<StoredPiece> ListAsync(string prefix, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        string? next = null;
        var found = new SortedDictionary<string, long>(StringComparer.Ordinal);
        do
        {
            var request = new ListObjectsV2Request { BucketName = _target.Bucket, Prefix = _target.Prefix + prefix, ContinuationToken = next };
            var page = await AskAsync(token => _client.ListObjectsV2Async(request, token), cancellationToken).ConfigureAwait(false);
            foreach (var item in page.S3Objects ?? [])
            {
                // What is listed twice, or was not asked for, would be put together wrongly.
                if (!item.Key.StartsWith(_target.Prefix + prefix, StringComparison.Ordinal) || !found.TryAdd(item.Key[_target.Prefix.Length..], item.Size ?? 0)) throw new StoreException($"the {Place} lists an object twice, or one that was not asked for");
            }
            if (found.Count > MostPieces) throw new StoreException($"the {Place} lists more than {MostPieces} objects");
            next = page.IsTruncated == true ? page.NextContinuationToken : null;
            if (page.IsTruncated == true && (next is null || page.S3Objects is not { Count: > 0 })) throw new StoreException($"the {Place} breaks off its list");
        }
        while (next is not null);
        // Amazon lists in order; what keeps objects as files lists as its folders come.
        foreach (var (name, length) in found) yield return new StoredPiece(name, length);
    }

    public ValueTask<byte[]?> ReadAsync(string name, CancellationToken cancellationToken)
    {
        var key = KeyOf(name);
        return AskAsync<byte[]?>(async token =>
        {
            try
            {
                using var found = await _client.GetObjectAsync(new GetObjectRequest { BucketName = _target.Bucket, Key = key }, token).ConfigureAwait(false);
                using var bytes = new MemoryStream();
                await found.ResponseStream.CopyToAsync(bytes, token).ConfigureAwait(false);
                return bytes.ToArray();
            }
            catch (AmazonS3Exception missing) when (missing is { StatusCode: HttpStatusCode.NotFound, ErrorCode: "NoSuchKey" })
            {
                return null;
            }
        }, cancellationToken);
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        return ValueTask.CompletedTask;
    }

    private string KeyOf(string name) => _target.Prefix + StoreNames.Checked(name);

    /// <summary>Whatever goes wrong in there, told in our words: what the other side writes into an error may hold the key that it was given.</summary>
    private async ValueTask<T> AskAsync<T>(Func<CancellationToken, Task<T>> ask, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(_patience);
        try
        {
            return await ask(patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception) when (patience.IsCancellationRequested)
        {
            throw new StoreException($"the {Place} did not answer in time");
        }
        catch (Exception fault)
        {
            throw new StoreException($"the {Place} {Told(fault)}");
        }
    }

    private static string Told(Exception fault)
    {
        for (var cause = fault; cause is not null; cause = cause.InnerException)
        {
            switch (cause)
            {
                case StoreException refused: return refused.Message;
                case HttpRequestException unreached: return $"cannot be reached ({unreached.HttpRequestError})";
                case AmazonServiceException { StatusCode: >= HttpStatusCode.Continue } answered:
                    var word = answered.ErrorCode is { Length: > 0 and <= LongestWord } code && code.All(char.IsAsciiLetterOrDigit) ? $" ({code})" : "";
                    return string.Create(CultureInfo.InvariantCulture, $"answered {(int)answered.StatusCode}{word}");
                default: continue;
            }
        }
        return $"cannot be used ({fault.GetType().Name})";
    }
}
