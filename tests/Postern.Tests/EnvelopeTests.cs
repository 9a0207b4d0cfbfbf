using System.Buffers;
using System.Text;
using System.Text.Json;
using Postern.Core.Operations;
using Postern.Core.Pipeline;
using Postern.Protocols;

namespace Postern.Tests;

public sealed class EnvelopeTests
{
    private static readonly Refusal Denied = new()
    {
        DecisionId = OperationId.New(DateTimeOffset.UnixEpoch), Decision = "denied", Code = RefusalCode.NotPermitted, Rule = "large@3", Reason = "Too much.", Retry = RetryMode.AfterChange,
        Alternatives = ["refund up to 500"],
    };

    [Fact]
    public void It_has_the_members_that_callers_are_promised()
    {
        var json = Write(Denied);

        Assert.Equal(["v", "decision", "code", "decisionId", "rule", "reason", "retry", "request", "alternatives", "doNot"], json.EnumerateObject().Select(member => member.Name));
        Assert.Equal(1, json.GetProperty("v").GetInt32());
        Assert.Equal("after_change", json.GetProperty("retry").GetProperty("mode").GetString());
        Assert.False(json.GetProperty("request").GetProperty("possible").GetBoolean());
    }

    [Theory]
    [InlineData(RetryMode.Never, "never")]
    [InlineData(RetryMode.SameCall, "same_call")]
    [InlineData(RetryMode.After, "after")]
    public void Retry_modes_have_their_documented_names(RetryMode mode, string name) =>
        Assert.Equal(name, Write(Denied with { Retry = mode, RetryAfter = TimeSpan.FromSeconds(1.2) }).GetProperty("retry").GetProperty("mode").GetString());

    [Fact]
    public void What_may_be_asked_for_is_said_with_its_place()
    {
        var possible = Denied with { RequestUrl = "https://gate.example/request/x", Approvers = ["dba"] };

        Assert.Contains("Access may be asked for at https://gate.example/request/x;", Envelope.TextOf(possible), StringComparison.Ordinal);
        Assert.True(Write(possible).GetProperty("request").GetProperty("possible").GetBoolean());
        Assert.Equal("dba", Write(possible).GetProperty("request").GetProperty("approvers")[0].GetString());
    }

    [Fact]
    public void The_text_is_short_whatever_an_author_wrote()
    {
        var text = Envelope.TextOf(Denied with { Reason = string.Join(' ', Enumerable.Repeat("word", 500)) });

        Assert.True(text.Split(' ').Length <= Envelope.MaxWords);
        Assert.Contains(Denied.DecisionId.ToString(), text, StringComparison.Ordinal);
    }

    [Fact]
    public void The_text_says_whether_it_is_intended_and_what_is_permitted_instead()
    {
        Assert.Contains("on purpose", Envelope.TextOf(Denied), StringComparison.Ordinal);
        Assert.Contains("Permitted instead: refund up to 500.", Envelope.TextOf(Denied), StringComparison.Ordinal);
        Assert.Contains("nobody refused it", Envelope.TextOf(Denied with { Code = RefusalCode.UpstreamUnavailable }), StringComparison.Ordinal);
    }

    private static JsonElement Write(Refusal refusal)
    {
        var output = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(output)) Envelope.Write(writer, refusal);
        return JsonDocument.Parse(Encoding.UTF8.GetString(output.WrittenSpan)).RootElement;
    }
}
