using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Postern.Gateway.Configuration;

namespace Postern.Tests.Gateway.Recordings.Stores;

/// <summary>
/// An S3 as Amazon's is where lookalikes are not: it keeps the condition of a PUT, checks digests and signatures, and lists in pages of two.
/// <see cref="Instead"/> makes it lie.
/// </summary>
internal sealed class StrictS3 : IAsyncDisposable
{
    public const string Bucket = "recordings";
    public const string AccessKey = "AKIACANARYCANARYCANA";
    public const string SecretKey = "canary-secret-key-of-the-store";
    private static readonly XNamespace Names = "http://s3.amazonaws.com/doc/2006-03-01/";

    private readonly WebApplication _app;
    private readonly Lock _gate = new();

    private StrictS3(WebApplication app) => _app = app;

    public SortedDictionary<string, byte[]> Objects { get; } = new(StringComparer.Ordinal);

    /// <summary>Answers instead, and returns true; or lets it be answered.</summary>
    public volatile Func<HttpContext, Task<bool>>? Instead;

    /// <summary>False for a lookalike that overwrites.</summary>
    public bool KnowsConditions { get; set; } = true;

    public int Requests;

    public string Url => _app.Urls.First();

    public StoreTarget.S3 Target => new(Url, "eu-central-1", Bucket, "team/", AccessKey, SecretKey, null);

    public static async Task<StrictS3> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Limits.MaxRequestBodySize = null);
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var store = new StrictS3(app);
        app.Run(store.AnswerAsync);
        await app.StartAsync();
        return store;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        Interlocked.Increment(ref Requests);
        if (Instead is { } instead && await instead(context)) return;
        var request = context.Request;
        if (!request.Headers.Authorization.ToString().StartsWith($"AWS4-HMAC-SHA256 Credential={AccessKey}/", StringComparison.Ordinal))
        {
            await RefuseAsync(context, 403, "InvalidAccessKeyId");
            return;
        }
        if (!IsSigned(request))
        {
            await RefuseAsync(context, 403, "SignatureDoesNotMatch");
            return;
        }
        var path = request.Path.Value!;
        if (path.TrimEnd('/') == "/" + Bucket)
        {
            await ListAsync(context);
            return;
        }
        var key = path[(Bucket.Length + 2)..];
        switch (request.Method)
        {
            case "PUT":
                await PutAsync(context, key);
                return;
            case "HEAD" or "GET":
                byte[]? bytes;
                lock (_gate) Objects.TryGetValue(key, out bytes);
                if (bytes is null)
                {
                    await RefuseAsync(context, 404, "NoSuchKey");
                    return;
                }
                context.Response.ContentLength = bytes.Length;
                context.Response.Headers.ETag = TagOf(bytes);
                if (request.Method == "GET") await context.Response.Body.WriteAsync(bytes);
                return;
            default:
                await RefuseAsync(context, 405, "MethodNotAllowed");
                return;
        }
    }

    /// <summary>Signature Version 4 (Amazon S3, "Authenticating Requests: Using the Authorization Header"), made anew and compared.</summary>
    private static bool IsSigned(HttpRequest request)
    {
        var parts = request.Headers.Authorization.ToString()["AWS4-HMAC-SHA256 ".Length..].Split(',', StringSplitOptions.TrimEntries).Select(part => part.Split('=', 2)).ToDictionary(part => part[0], part => part[1], StringComparer.Ordinal);
        var scope = parts["Credential"][(AccessKey.Length + 1)..];
        if (scope.Split('/') is not [var day, "eu-central-1", "s3", "aws4_request"]) return false;
        var signed = parts["SignedHeaders"].Split(';');
        if (!signed.Contains("host") || !signed.Contains("x-amz-content-sha256") || (request.Headers.IfNoneMatch.Count > 0 && !signed.Contains("if-none-match"))) return false;
        var query = string.Join('&', request.Query.Select(pair => $"{Uri.EscapeDataString(pair.Key)}={Uri.EscapeDataString(pair.Value.ToString())}").Order(StringComparer.Ordinal));
        var headers = string.Concat(signed.Select(name => $"{name}:{string.Join(',', request.Headers[name].AsEnumerable()).Trim()}\n"));
        var canonical = $"{request.Method}\n{request.Path.ToUriComponent()}\n{query}\n{headers}\n{string.Join(';', signed)}\n{request.Headers["x-amz-content-sha256"]}";
        var text = $"AWS4-HMAC-SHA256\n{request.Headers["x-amz-date"]}\n{scope}\n{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}";
        var key = Encoding.UTF8.GetBytes("AWS4" + SecretKey);
        foreach (var step in (string[])[day, "eu-central-1", "s3", "aws4_request"]) key = HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(step));
        return parts["Signature"] == Convert.ToHexStringLower(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(text)));
    }

    private async Task PutAsync(HttpContext context, string key)
    {
        var request = context.Request;
        using var body = new MemoryStream();
        await request.Body.CopyToAsync(body);
        var bytes = body.ToArray();
        var digest = SHA256.HashData(bytes);
        if (request.Headers["x-amz-content-sha256"] is var signed && signed != "UNSIGNED-PAYLOAD" && signed != Convert.ToHexStringLower(digest))
        {
            await RefuseAsync(context, 400, "XAmzContentSHA256Mismatch");
            return;
        }
        if (request.Headers["x-amz-checksum-sha256"] != Convert.ToBase64String(digest))
        {
            await RefuseAsync(context, 400, "BadDigest");
            return;
        }
        lock (_gate)
        {
            if (KnowsConditions && request.Headers.IfNoneMatch == "*" && Objects.ContainsKey(key))
            {
                context.Response.StatusCode = 412;
                return;
            }
            Objects[key] = bytes;
        }
        context.Response.Headers.ETag = TagOf(bytes);
    }

#pragma warning disable CA5351 // what S3 calls an object by; it protects nothing
    private static string TagOf(byte[] bytes) => $"\"{Convert.ToHexStringLower(MD5.HashData(bytes))}\"";
#pragma warning restore CA5351

    private async Task ListAsync(HttpContext context)
    {
        var prefix = context.Request.Query["prefix"].ToString();
        var after = context.Request.Query["continuation-token"].ToString();
        List<KeyValuePair<string, byte[]>> page;
        lock (_gate) page = [.. Objects.Where(one => one.Key.StartsWith(prefix, StringComparison.Ordinal) && string.CompareOrdinal(one.Key, after) > 0).Take(3)];
        var isTruncated = page.Count == 3;
        page = page[..Math.Min(2, page.Count)];
        var list = new XElement(
            Names + "ListBucketResult", new XElement(Names + "Name", Bucket), new XElement(Names + "IsTruncated", isTruncated ? "true" : "false"), isTruncated ? new XElement(Names + "NextContinuationToken", page[^1].Key) : null,
            page.Select(one => new XElement(Names + "Contents", new XElement(Names + "Key", one.Key), new XElement(Names + "Size", one.Value.Length.ToString(CultureInfo.InvariantCulture)))));
        context.Response.ContentType = "application/xml";
        await context.Response.WriteAsync(list.ToString());
    }

    public static async Task RefuseAsync(HttpContext context, int status, string code)
    {
        context.Response.StatusCode = status;
        context.Response.ContentType = "application/xml";
        // As the real one does: its errors repeat what it was sent.
        if (context.Request.Method != "HEAD") await context.Response.WriteAsync($"<Error><Code>{code}</Code><Message>no</Message><AWSAccessKeyId>{AccessKey}</AWSAccessKeyId></Error>");
    }
}
