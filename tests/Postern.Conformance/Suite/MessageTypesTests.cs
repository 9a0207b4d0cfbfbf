using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Suite;

/// <summary>The list of messages that the masking tests go through is that of the official schemas, as they are installed.</summary>
public sealed class MessageTypesTests
{
    [Fact]
    [Guarantee("G11")]
    public async Task The_kept_messages_are_those_of_the_official_schemas()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromMinutes(1));
        await using var node = Child.Start(Checkout.NodeExecutable, ["messages.mjs"]);

        var printed = await node.ReadToEndAsync(patience.Token);

        Assert.True(printed.Length > 10_000, node.Errors);
        Assert.Equal(await File.ReadAllTextAsync(Path.Combine(Checkout.Root, "tests", "specs", "mcp", "messages.jsonl"), patience.Token), printed);
    }
}
