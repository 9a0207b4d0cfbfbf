using System.Text.Json;
using Postern.Conformance.Clients;
using Postern.Conformance.Gateways;
using Postern.Conformance.Peers;
using Postern.Tests;

namespace Postern.Conformance.Acts;

/// <summary>Prompts, resources, templates, completion and subscriptions of official clients, filtered page by page.</summary>
public sealed class LibraryTests
{
    private const string Watched = "test://watched-resource";
    private const string Private = "test://private/salaries";
    private const string Text = "test://static-text";

    private const string Policy = """
        version: 1
        rules:
          - id: readers
            who:  { groups: [support] }
            on:
              - { connection: target, prompts: [test_simple_prompt, test_prompt_with_arguments, test_prompt_with_image] }
              - { connection: target, uris: ["test://static-text", "test://watched-resource", "test://template/*/data"] }
              - { connection: target, tools: [touch] }
            then: allow
        """;

    [Theory]
    [InlineData("v1", "legacy")]
    [InlineData("v2", "legacy")]
    [InlineData("v2", "auto")]
    [Row("P24")]
    [Row("P27")]
    public async Task The_TypeScript_clients_find_what_they_may_read_on_every_page_and_hear_of_nothing_else(string client, string era)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(2));
        await using var fixture = await NodeServer.StartFixtureAsync(limit.Token);
        await using var gateway = await TestGateway.StartAsync(fixture.Url, Policy, limit.Token);
        await using var agent = await NodeAgent.ConnectAsync(client, gateway.ConnectionUrl, gateway.Token("alice"), era, limit.Token);

        var found = await agent.AskAsync(
            new
            {
                @do = "library", uri = Text, prompt = "test_prompt_with_arguments", arguments = new { arg1 = "a", arg2 = "b" },
                forbidden = Private, forbiddenPrompt = "test_prompt_with_embedded_resource",
            },
            limit.Token);
        var watched = await agent.AskAsync(new { @do = "watch", uris = new[] { Text, Watched }, touch = new[] { Private, Text, Watched } }, limit.Token);

        Assert.True(found.TryGetProperty("prompts", out var prompts), found.GetRawText());
        Assert.Equal(["test_simple_prompt", "test_prompt_with_arguments", "test_prompt_with_image"], Strings(prompts));
        Assert.Equal("Prompt with arguments: arg1='a', arg2='b'", found.GetProperty("prompt").GetString());
        Assert.Equal([Text, Watched], Strings(found.GetProperty("resources")));
        Assert.Equal(["test://template/{id}/data"], Strings(found.GetProperty("templates")));
        Assert.Equal("This is the content of the static text resource.", found.GetProperty("read").GetString());
        Assert.Equal(["paris", "park", "party"], Strings(found.GetProperty("completion")));
        Assert.Equal("error 40300", found.GetProperty("refused").GetString());
        Assert.Equal("error 40300", found.GetProperty("refusedPrompt").GetString());
        Assert.True(watched.TryGetProperty("updates", out var updates), watched.GetRawText());
        Assert.Equal([Text, Watched], Strings(updates));
        var recording = Recordings.Read(await StoppedAsync(gateway));
        Assert.DoesNotContain("Everybody earns", recording.Everything, StringComparison.Ordinal);
        Assert.Contains(recording.Operations, operation => operation.Intent.Parts.Any(part => part.Action == "mcp.resources.subscribe"));
    }

    [Fact]
    [Row("P24")]
    public async Task The_CSharp_client_finds_what_it_may_read_on_every_page()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(2));
        await using var fixture = await NodeServer.StartFixtureAsync(limit.Token);
        await using var gateway = await TestGateway.StartAsync(fixture.Url, Policy, limit.Token);
        await using var agent = await SdkAgent.ConnectAsync(gateway.ConnectionUrl, gateway.Token("alice"), limit.Token);
        var client = agent.Client;

        var prompts = await client.ListPromptsAsync(cancellationToken: limit.Token);
        var resources = await client.ListResourcesAsync(cancellationToken: limit.Token);
        var templates = await client.ListResourceTemplatesAsync(cancellationToken: limit.Token);
        var prompt = await client.GetPromptAsync("test_prompt_with_arguments", new Dictionary<string, object?> { ["arg1"] = "a", ["arg2"] = "b" }, cancellationToken: limit.Token);
        var read = await client.ReadResourceAsync("test://template/7/data", cancellationToken: limit.Token);
        var refused = await Assert.ThrowsAnyAsync<ModelContextProtocol.McpException>(async () => await client.ReadResourceAsync(Private, cancellationToken: limit.Token));

        Assert.Equal(["test_simple_prompt", "test_prompt_with_arguments", "test_prompt_with_image"], prompts.Select(each => each.Name));
        Assert.Equal([Text, Watched], resources.Select(each => each.Uri));
        Assert.Equal(["test://template/{id}/data"], templates.Select(each => each.UriTemplate));
        Assert.Contains("arg1='a'", JsonSerializer.Serialize(prompt.Messages[0].Content, ModelContextProtocol.McpJsonUtilities.DefaultOptions).Replace("\\u0027", "'", StringComparison.Ordinal), StringComparison.Ordinal);
        Assert.Contains("Data for ID: 7", ((ModelContextProtocol.Protocol.TextResourceContents)read.Contents[0]).Text, StringComparison.Ordinal);
        Assert.Contains("not permitted", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_CSharp_client_hears_of_what_it_subscribed_to_and_of_nothing_else()
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromMinutes(2));
        await using var fixture = await NodeServer.StartFixtureAsync(limit.Token);
        await using var gateway = await TestGateway.StartAsync(fixture.Url, Policy, limit.Token);
        // Its subscriptions are those of the sessions era; in the other it asks for a method that is not there any more (2.3.1).
        await using var agent = await SdkAgent.ConnectAsync(gateway.ConnectionUrl, gateway.Token("alice"), limit.Token, "2025-11-25");
        var heard = new System.Collections.Concurrent.ConcurrentQueue<string>();
        var last = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        ValueTask Hear(ModelContextProtocol.Protocol.ResourceUpdatedNotificationParams news, CancellationToken cancellationToken)
        {
            heard.Enqueue(news.Uri);
            last.TrySetResult();
            return default;
        }

        await using var subscription = await agent.Client.SubscribeToResourceAsync(Watched, Hear, cancellationToken: limit.Token);
        foreach (var uri in new[] { Private, Text, Watched }) await agent.CallAsync("touch", new { uri }, limit.Token);

        await last.Task.WaitAsync(limit.Token);
        Assert.Equal([Watched], heard);
    }

    private static async Task<string> StoppedAsync(TestGateway gateway)
    {
        await gateway.StopAsync();
        return gateway.Data;
    }

    private static IEnumerable<string?> Strings(JsonElement list) => list.EnumerateArray().Select(each => each.GetString());
}
