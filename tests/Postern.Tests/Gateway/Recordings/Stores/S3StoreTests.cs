using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Gateway.Configuration;
using Postern.Gateway.Recordings.Stores;

namespace Postern.Tests.Gateway.Recordings.Stores;

/// <summary>The contract, over HTTP with a store that keeps conditions; and stores that do not mean well.</summary>
public sealed class S3StoreTests : ConditionalStoreContract, IAsyncLifetime
{
    private StrictS3 _server = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => _server = await StrictS3.StartAsync();

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    protected override Task<IRecordingStore> OpenAsync() => Task.FromResult(RecordingStores.Open(_server.Target));

    public static TheoryData<string> Lies => ["500", "403", "404 of a bucket", "a redirect", "a redirect of S3", "another region", "half an answer", "no XML", "endless", "too much", "nothing at all", "slow"];

    [Theory]
    [MemberData(nameof(Lies))]
    [Guarantee("G12")]
    [Row("U03")]
    public async Task What_a_store_answers_wrongly_is_a_failure_in_our_words_and_never_a_piece(string lie)
    {
        await using var elsewhere = await StrictS3.StartAsync();
        await using var store = new S3Store(_server.Target, lie is "slow" or "endless" ? TimeSpan.FromMilliseconds(300) : null);
        _server.Objects["team/a/1"] = "kept"u8.ToArray();
        _server.Instead = context => LieAsync(context, lie, elsewhere.Url);

        foreach (var ask in (Func<Task>[])[async () => await store.PutAsync("a/2", "piece"u8.ToArray(), Stop), async () => await store.ReadAsync("a/1", Stop), () => ListAsync(store, "a/")])
        {
            var failed = await Record.ExceptionAsync(ask);
            // A list that says nothing may be what an empty bucket says; nothing else may pass.
            var said = Assert.IsType<StoreException>(failed);
            Assert.DoesNotContain(StrictS3.AccessKey, said.ToString());
            Assert.DoesNotContain(StrictS3.SecretKey, said.ToString());
            Assert.DoesNotContain("bearer-of-the-other-side", said.ToString());
            Assert.Contains(StrictS3.Bucket, said.Message);
        }

        Assert.Equal(0, elsewhere.Requests);
        Assert.Equal(["team/a/1"], _server.Objects.Keys);
    }

    [Fact]
    public async Task A_list_that_names_something_twice_or_something_else_is_refused()
    {
        await using var store = await OpenAsync();
        string[] keys = ["team/a/2", "team/a/1"];
        _server.Instead = async context =>
        {
            await context.Response.WriteAsync($"<ListBucketResult>{string.Concat(keys.Select(key => $"<Contents><Key>{key}</Key><Size>1</Size></Contents>"))}</ListBucketResult>");
            return true;
        };

        Assert.Equal(["a/1", "a/2"], (await ListAsync(store, "a/")).Select(piece => piece.Name));
        keys = ["team/a/1", "team/a/1"];
        await Assert.ThrowsAsync<StoreException>(() => ListAsync(store, "a/"));
        keys = ["of-another-team/a/1"];
        await Assert.ThrowsAsync<StoreException>(() => ListAsync(store, "a/"));
        keys = ["team/a/1", "team/a/2"];
        Assert.Equal(2, (await ListAsync(store, "a/")).Count);
    }

    [Fact]
    public async Task A_store_that_knows_no_condition_is_looked_into_first()
    {
        await using var store = await OpenAsync();
        _server.KnowsConditions = false;

        Assert.True(await store.PutAsync("a/1", "first"u8.ToArray(), Stop));
        Assert.False(await store.PutAsync("a/1", "other"u8.ToArray(), Stop));

        Assert.Equal("first"u8.ToArray(), _server.Objects["team/a/1"]);
    }

    [Fact]
    public async Task A_certificate_that_is_not_trusted_ends_it_before_a_key_is_shown()
    {
        // A server that speaks no TLS at all is the shortest of all bad certificates.
        await using var store = RecordingStores.Open(_server.Target with { Url = _server.Url.Replace("http:", "https:", StringComparison.Ordinal) });

        var failed = await Assert.ThrowsAsync<StoreException>(async () => await store.ReadAsync("a/1", Stop));

        Assert.Contains("SecureConnectionError", failed.Message);
        Assert.Equal(0, _server.Requests);
    }

    [Fact]
    [Guarantee("G12")]
    public async Task A_wrong_secret_is_refused_and_not_told_about()
    {
        await using var store = RecordingStores.Open(_server.Target with { SecretKey = "another-secret-key" });

        var refused = await Assert.ThrowsAsync<StoreException>(async () => await store.ReadAsync("a/1", Stop));

        Assert.Contains("403 (SignatureDoesNotMatch)", refused.Message);
        Assert.DoesNotContain("another-secret-key", refused.ToString());
    }

    [Fact]
    public void Options_show_no_secret()
    {
        Assert.DoesNotContain(StrictS3.SecretKey, _server.Target.ToString());
        Assert.DoesNotContain("password-of-it", new StoreTarget.Postgres("db", 5432, "d", "u", "password-of-it", "t", true, null).ToString());
        Assert.DoesNotContain(StrictS3.SecretKey, new StoreOptions(_server.Target).ToString());
    }

    private static async Task<bool> LieAsync(HttpContext context, string lie, string elsewhere)
    {
        var response = context.Response;
        switch (lie)
        {
            case "500":
                response.StatusCode = 500;
                await response.WriteAsync($"<Error><Code>bearer-of-the-other-side {StrictS3.SecretKey}</Code><Message>{StrictS3.AccessKey}</Message></Error>");
                return true;
            case "403":
                await StrictS3.RefuseAsync(context, 403, "AccessDenied");
                return true;
            case "404 of a bucket":
                // HEAD says 404 alone; what is put then is refused.
                await StrictS3.RefuseAsync(context, 404, "NoSuchBucket");
                return true;
            case "a redirect" or "a redirect of S3":
                response.StatusCode = lie == "a redirect" ? 302 : 307;
                response.Headers.Location = elsewhere + context.Request.Path;
                await response.WriteAsync($"<Error><Code>TemporaryRedirect</Code><Endpoint>{elsewhere}</Endpoint><Bucket>recordings</Bucket></Error>");
                return true;
            case "another region":
                response.StatusCode = 400;
                response.Headers["x-amz-bucket-region"] = "us-gov-west-1";
                await response.WriteAsync("<Error><Code>AuthorizationHeaderMalformed</Code><Region>us-gov-west-1</Region></Error>");
                return true;
            case "half an answer":
                response.ContentLength = 1_000;
                if (context.Request.Method == "HEAD")
                {
                    response.StatusCode = 404;
                    response.ContentLength = null;
                    return true;
                }
                await response.Body.WriteAsync("<ListBuck"u8.ToArray());
                await response.Body.FlushAsync();
                context.Abort();
                return true;
            case "no XML":
                response.StatusCode = context.Request.Method == "GET" && context.Request.Path.Value!.EndsWith("/1", StringComparison.Ordinal) ? 502 : 200;
                if (context.Request.Method == "HEAD") response.StatusCode = 502;
                await response.Body.WriteAsync(Encoding.UTF8.GetBytes(context.Request.Method == "HEAD" ? "" : "<html>it works"));
                return true;
            case "endless":
                if (context.Request.Method == "HEAD") break;
                while (!context.RequestAborted.IsCancellationRequested)
                {
                    await response.Body.WriteAsync(" "u8.ToArray());
                    await response.Body.FlushAsync();
                    await Task.Delay(50);
                }
                return true;
            case "too much":
                if (context.Request.Method == "HEAD") break;
                response.ContentLength = 1L << 40;
                await response.Body.WriteAsync(new byte[100]);
                await response.Body.FlushAsync();
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                return true;
            case "nothing at all":
                context.Abort();
                return true;
            case "slow":
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);
                return true;
        }
        return false;
    }
}
