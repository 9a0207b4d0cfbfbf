using System.Text.Json;
using System.Text.RegularExpressions;
using Postern.Conformance.Clients;
using Postern.Demo;
using Postern.Tests;

namespace Postern.Conformance;

/// <summary><c>postern login</c> and <c>logout</c> as processes of their own, against a whole gateway and the demo issuer.</summary>
public sealed class LoginTests : IAsyncLifetime
{
    private DemoStage _stage = null!;

    public async ValueTask InitializeAsync() => _stage = await DemoStage.StartAsync(new DemoOptions(), TestContext.Current.CancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stage.DisposeAsync();
        Directory.Delete(_stage.Folder, recursive: true);
    }

    [Fact]
    public async Task A_person_signs_in_through_the_browser_works_and_signs_out()
    {
        var login = await PosternProcess.RunAsync(["login", "--gateway", _stage.Gateway.Url], Surroundings, async line =>
        {
            if (Regex.Match(line, "http://127[^ ]+/authorize[^ ]+", RegexOptions.NonBacktracking) is { Success: true } page) await PickAsync(page.Value, "alice");
        });

        Assert.Equal(0, login.ExitCode);
        Assert.Empty(login.Out);
        Assert.Contains("signed in at", login.Error, StringComparison.Ordinal);
        var file = Assert.Single(Directory.GetFiles(StateFolder, "*", SearchOption.AllDirectories), name => File.ReadAllText(name).Contains("eyJ", StringComparison.Ordinal));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        Assert.DoesNotContain("eyJ", login.Error, StringComparison.Ordinal);

        var who = await RunAsync("whoami", "-o", "json");
        Assert.Equal((0, ""), (who.ExitCode, who.Error));
        Assert.Equal("demo:alice", JsonDocument.Parse(who.Out).RootElement.GetProperty("key").GetString());
        Assert.Equal("postern-cli", JsonDocument.Parse(who.Out).RootElement.GetProperty("agent").GetString());

        var logout = await RunAsync("logout");
        Assert.Equal(0, logout.ExitCode);
        Assert.Contains("signed out of", logout.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(file));
        Assert.Equal(3, (await RunAsync("whoami")).ExitCode);
        var again = await RunAsync("logout");
        Assert.Equal(0, again.ExitCode);
        Assert.Contains("nobody was signed in", again.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_person_signs_in_on_another_device()
    {
        var login = await PosternProcess.RunAsync(["login", "--device", "--gateway", _stage.Gateway.Url], Surroundings, async line =>
        {
            if (Regex.Match(line, "go to ([^ ]+) on any device and enter ([A-Z]{4}-[A-Z]{4})", RegexOptions.NonBacktracking) is not { Success: true } told) return;
            using var browser = new Browser();
            var page = await browser.OpenAsync(told.Groups[1].Value, TestContext.Current.CancellationToken);
            page = await browser.PressAsync(page, null, null, new Dictionary<string, string> { ["user_code"] = told.Groups[2].Value }, TestContext.Current.CancellationToken);
            await browser.PressAsync(page, "persona", "bob", cancellationToken: TestContext.Current.CancellationToken);
        });

        Assert.Equal((0, ""), (login.ExitCode, login.Out));
        Assert.Equal("demo:bob", JsonDocument.Parse((await RunAsync("whoami", "-o", "json")).Out).RootElement.GetProperty("key").GetString());
    }

    [Fact]
    [Guarantee("G8")]
    public async Task The_token_that_login_keeps_does_not_approve()
    {
        await PosternProcess.RunAsync(["login", "--gateway", _stage.Gateway.Url], Surroundings, async line =>
        {
            if (Regex.Match(line, "http://127[^ ]+/authorize[^ ]+", RegexOptions.NonBacktracking) is { Success: true } page) await PickAsync(page.Value, "bob");
        });
        await using var agent = await SdkAgent.ConnectAsync(_stage.Endpoint.AbsoluteUri, _stage.Issuer.IssueToken("alice", client: "demo-agent"), TestContext.Current.CancellationToken);
        using var enough = new CancellationTokenSource();
        var calling = agent.CallAsync("refund", new { order = 1042, amount = 900, reason = "broken" }, enough.Token); // kept waiting

        JsonElement listed;
        do listed = JsonDocument.Parse((await RunAsync("approvals", "list", "-o", "json")).Out).RootElement;
        while (listed.GetArrayLength() == 0);

        var token = Regex.Match(string.Concat(Directory.GetFiles(StateFolder, "*", SearchOption.AllDirectories).Select(File.ReadAllText)), "eyJ[A-Za-z0-9_-]+[.][A-Za-z0-9_-]+[.][A-Za-z0-9_-]+", RegexOptions.NonBacktracking).Value;
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, listed[0].GetProperty("url").GetString()) { Content = new FormUrlEncodedContent([new("answer", "approve"), new("reason", "")]) };
        request.Headers.Add("Authorization", $"Bearer {token}");
        using var answered = await http.SendAsync(request, TestContext.Current.CancellationToken);
        Assert.NotEmpty(token);
        Assert.Equal(0, _stage.Shop.RefundCount);
        Assert.Equal("open", JsonDocument.Parse((await RunAsync("approvals", "list", "-o", "json")).Out).RootElement[0].GetProperty("state").GetString());
        await enough.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => calling);
    }

    [Fact]
    public async Task A_gateway_that_is_not_there_or_is_none_is_said_clearly()
    {
        var absent = await PosternProcess.RunAsync("dotnet", [PosternProcess.Library, "login", "--gateway", "http://127.0.0.1:1"], Surroundings);
        var other = await PosternProcess.RunAsync("dotnet", [PosternProcess.Library, "login", "--gateway", _stage.Issuer.Issuer], Surroundings);
        var wrong = await PosternProcess.RunAsync("dotnet", [PosternProcess.Library, "login", "--gateway", "shop"], Surroundings);

        Assert.Equal((3, "postern: the gateway at `http://127.0.0.1:1` cannot be reached"), (absent.ExitCode, absent.Error.TrimEnd()));
        Assert.Equal(3, other.ExitCode);
        Assert.Contains("is the URL right?", other.Error, StringComparison.Ordinal);
        Assert.Equal(2, wrong.ExitCode);
    }

    private string StateFolder => Path.Combine(_stage.Folder, "state");

    // No display, so no browser is opened: the address is shown, and the test goes there.
    private Dictionary<string, string?> Surroundings => new(StringComparer.Ordinal) { ["XDG_STATE_HOME"] = StateFolder, ["DISPLAY"] = null, ["WAYLAND_DISPLAY"] = null, ["POSTERN_TOKEN"] = null };

    private static async Task PickAsync(string address, string persona)
    {
        using var browser = new Browser();
        var page = await browser.OpenAsync(address, TestContext.Current.CancellationToken);
        var end = await browser.PressAsync(page, "persona", persona, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Contains("go back to the terminal", end.Text, StringComparison.Ordinal);
    }

    private Task<PosternRun> RunAsync(params string[] arguments) => PosternProcess.RunAsync("dotnet", [PosternProcess.Library, .. arguments, "--gateway", _stage.Gateway.Url], Surroundings);
}
