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
        var login = await PosternProcess.RunAsync(["login", "--browser", "--gateway", _stage.Gateway.Url], Surroundings, async line =>
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

        var refresh = JsonDocument.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken)).RootElement.GetProperty("RefreshToken").GetString()!;
        var logout = await RunAsync("logout");
        Assert.Equal(0, logout.ExitCode);
        Assert.Contains("signed out of", logout.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(file));
        Assert.Equal("invalid_grant", await RefreshAsync(refresh)); // taken back at the issuer, not only forgotten here
        Assert.Equal(3, (await RunAsync("whoami")).ExitCode);
        var again = await RunAsync("logout");
        Assert.Equal(0, again.ExitCode);
        Assert.Contains("nobody was signed in", again.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--device")]
    [InlineData("")] // there is no display, so it is what happens by itself
    public async Task A_person_signs_in_on_another_device(string way)
    {
        var login = await PosternProcess.RunAsync(["login", .. way.Length > 0 ? [way] : Array.Empty<string>(), "--gateway", _stage.Gateway.Url], Surroundings, async line =>
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
    public async Task A_token_that_ended_is_renewed_once_however_many_ask_at_once()
    {
        await SignInAsync("alice");
        for (var round = 0; round < 2; round++)
        {
            await EndTokenAsync();
            var runs = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => RunAsync("whoami", "-o", "json")));

            // A refresh token that is used twice ends the whole sign-in at this issuer; the second round shows that it did not.
            Assert.All(runs, run => Assert.True(run.ExitCode == 0, run.Error));
            Assert.All(runs, run => Assert.Equal("demo:alice", JsonDocument.Parse(run.Out).RootElement.GetProperty("key").GetString()));
        }
    }

    [Fact]
    public async Task In_a_keychain_the_file_holds_no_secret_and_no_argument_does()
    {
        var tools = KeychainTools(out var log, out var kept);
        var login = await SignInAsync("alice", tools, "--keep", "keychain");
        Assert.True(login.ExitCode == 0, login.Error);

        var file = Assert.Single(Directory.GetFiles(StateFolder, "*.json", SearchOption.AllDirectories));
        Assert.DoesNotContain("eyJ", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Single(Directory.GetFiles(kept));
        await EndTokenAsync();
        Assert.Equal(0, (await RunAsync(tools, "whoami")).ExitCode); // renewed, and kept there again
        Assert.Equal(0, (await RunAsync(tools, "whoami")).ExitCode);
        Assert.DoesNotContain("eyJ", await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        var arguments = await File.ReadAllTextAsync(log, TestContext.Current.CancellationToken);
        Assert.Contains("store --label Postern: ", arguments, StringComparison.Ordinal);
        var secret = await File.ReadAllTextAsync(Assert.Single(Directory.GetFiles(kept)), TestContext.Current.CancellationToken);
        Assert.DoesNotContain(secret[..40], arguments, StringComparison.Ordinal);

        Assert.Equal(0, (await RunAsync(tools, "logout")).ExitCode);
        Assert.Empty(Directory.GetFiles(kept));
        Assert.False(File.Exists(file));
    }

    [Fact]
    public async Task Where_there_is_no_keychain_a_file_does_not_silently_take_its_place()
    {
        var none = new Dictionary<string, string?>(Surroundings, StringComparer.Ordinal) { ["PATH"] = _stage.Folder };
        var login = await SignInAsync("alice", none, "--keep", "keychain");
        var byVariable = await SignInAsync("alice", new Dictionary<string, string?>(none, StringComparer.Ordinal) { ["POSTERN_KEEP"] = "keychain" });

        Assert.Equal((3, 3), (login.ExitCode, byVariable.ExitCode));
        Assert.Contains("there is no keychain here", login.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(StateFolder) && Directory.GetFiles(StateFolder, "*.json", SearchOption.AllDirectories).Length > 0);
    }

    [Fact]
    [Guarantee("G8")]
    public async Task The_token_that_login_keeps_does_not_approve()
    {
        await PosternProcess.RunAsync(["login", "--browser", "--gateway", _stage.Gateway.Url], Surroundings, async line =>
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

    private Task<PosternRun> SignInAsync(string persona, IReadOnlyDictionary<string, string?>? surroundings = null, params string[] more) =>
        PosternProcess.RunAsync(["login", "--browser", "--gateway", _stage.Gateway.Url, .. more], surroundings ?? Surroundings, async line =>
        {
            if (Regex.Match(line, "http://127[^ ]+/authorize[^ ]+", RegexOptions.NonBacktracking) is { Success: true } page) await PickAsync(page.Value, persona);
        });

    /// <summary>Makes the kept access token one that has ended, as far as the command line knows.</summary>
    private async Task EndTokenAsync()
    {
        var file = Directory.GetFiles(StateFolder, "*.json", SearchOption.AllDirectories).Single();
        var text = await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(file, Regex.Replace(text, "\"ExpiresAt\": \"[^\"]+\"", "\"ExpiresAt\": \"2020-01-01T00:00:00+00:00\"", RegexOptions.NonBacktracking), TestContext.Current.CancellationToken);
    }

    private async Task<string?> RefreshAsync(string token)
    {
        using var http = new HttpClient();
        using var answer = await http.PostAsync(new Uri(_stage.Issuer.Issuer + "/token"), new FormUrlEncodedContent([new("grant_type", "refresh_token"), new("refresh_token", token), new("client_id", "postern-cli")]), TestContext.Current.CancellationToken);
        return JsonDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)).RootElement.TryGetProperty("error", out var error) ? error.GetString() : null;
    }

    /// <summary>A <c>secret-tool</c> that takes what the real one takes, keeps each secret in a file, and writes down its arguments.</summary>
    private Dictionary<string, string?> KeychainTools(out string log, out string kept)
    {
        var folder = Directory.CreateDirectory(Path.Combine(_stage.Folder, "tools")).FullName;
        (log, kept) = (Path.Combine(folder, "arguments"), Directory.CreateDirectory(Path.Combine(folder, "kept")).FullName);
        var tool = Path.Combine(folder, "secret-tool");
        File.WriteAllText(tool, $$"""
            #!/bin/sh
            echo "$@" >> '{{log}}'
            verb=$1; shift
            if [ "$verb" = store ]; then [ "$1" = --label ] || exit 2; shift 2; fi
            [ "$1 $3 $#" = "service gateway 4" ] || exit 2
            file='{{kept}}'/$(echo "$2 $4" | tr -c 'a-z0-9\n' _)
            case $verb in
              store) cat > "$file" ;;
              lookup) [ -f "$file" ] && cat "$file" ;;
              clear) rm -f "$file" ;;
              *) exit 2 ;;
            esac
            """);
        File.SetUnixFileMode(tool, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        return new Dictionary<string, string?>(Surroundings, StringComparer.Ordinal) { ["PATH"] = $"{folder}:{Environment.GetEnvironmentVariable("PATH")}" };
    }

    private static async Task PickAsync(string address, string persona)
    {
        using var browser = new Browser();
        var page = await browser.OpenAsync(address, TestContext.Current.CancellationToken);
        var end = await browser.PressAsync(page, "persona", persona, cancellationToken: TestContext.Current.CancellationToken);
        Assert.Contains("go back to the terminal", end.Text, StringComparison.Ordinal);
    }

    private Task<PosternRun> RunAsync(params string[] arguments) => PosternProcess.RunAsync("dotnet", [PosternProcess.Library, .. arguments, "--gateway", _stage.Gateway.Url], Surroundings);

    private Task<PosternRun> RunAsync(IReadOnlyDictionary<string, string?> surroundings, params string[] arguments) => PosternProcess.RunAsync("dotnet", [PosternProcess.Library, .. arguments, "--gateway", _stage.Gateway.Url], surroundings);
}
