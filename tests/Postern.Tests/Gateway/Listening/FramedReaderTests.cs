using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Http;
using Postern.Gateway.Listening;
using Xunit;

namespace Postern.Tests.Gateway.Listening;

public sealed class FramedReaderTests
{
    private const string Head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    private readonly Pipe _pipe = new();
    private readonly FramedReader _reader;

    public FramedReaderTests() => _reader = new FramedReader(_pipe.Reader, new RequestFraming());

    [Fact]
    public async Task What_comes_while_it_is_waited_for_is_looked_at_and_handed_on()
    {
        for (var time = 0; time < 3; time++)
        {
            var read = _reader.ReadAsync();
            Assert.False(read.IsCompleted);

            await WriteAsync(Head);

            Assert.Equal(Head, Take(await read));
        }
        Assert.Null(_reader.Fault);
    }

    [Fact]
    public async Task What_is_there_already_is_looked_at_without_a_wait()
    {
        await WriteAsync("GET / HTTP/1.1\nHost: a\r\n\r\n");

        var read = _reader.ReadAsync();

        Assert.True(read.IsCompletedSuccessfully);
        Take(await read);
        Assert.NotNull(_reader.Fault);
    }

    [Fact]
    public async Task A_fault_in_what_is_waited_for_is_told_to_whoever_waits()
    {
        await WriteAsync("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        Take(await _reader.ReadAsync());
        var read = _reader.ReadAsync();

        await WriteAsync("5;a=b\r\n");

        await Assert.ThrowsAsync<BadHttpRequestException>(async () => await read);
    }

    [Fact]
    public async Task A_read_that_is_given_up_ends_as_cancelled()
    {
        using var over = new CancellationTokenSource();
        var read = _reader.ReadAsync(over.Token);

        await over.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await read);
        var next = _reader.ReadAsync(TestContext.Current.CancellationToken);
        await WriteAsync(Head);
        Assert.Equal(Head, Take(await next));
    }

    [Fact]
    public async Task The_end_of_the_connection_is_handed_on()
    {
        var read = _reader.ReadAsync();

        await _pipe.Writer.CompleteAsync();

        Assert.True((await read).IsCompleted);
    }

    [Fact]
    public async Task A_read_is_taken_once()
    {
        var read = _reader.ReadAsync().AsTask();
        await WriteAsync(Head);
        Take(await read);
        var second = _reader.ReadAsync();
        await WriteAsync(Head);
        Take(await second);

        Assert.Throws<InvalidOperationException>(() => second.GetAwaiter().GetResult());
    }

    private async Task WriteAsync(string text) => await _pipe.Writer.WriteAsync(Encoding.ASCII.GetBytes(text));

    private string Take(ReadResult read)
    {
        var text = Encoding.ASCII.GetString(read.Buffer);
        _reader.AdvanceTo(read.Buffer.End);
        return text;
    }
}
