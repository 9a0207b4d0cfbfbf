using System.Globalization;
using System.Runtime.CompilerServices;
using Postern.Cli.Console;
using Postern.Cli.Setup;
using Postern.Cli.SignIn;
using Postern.Core.Policy;
using Postern.Core.Recording;
using Postern.Gateway;
using Postern.Gateway.Configuration;
using Postern.Gateway.Connections;
using Postern.Gateway.Identities;
using Postern.Gateway.Policies;
using Postern.Protocols;

namespace Postern.Cli.Doctor;

/// <summary>
/// Looks at everything that a gateway needs, with the gateway's own code: its loaders, its dialers, its listeners. Changes nothing, and says of each
/// thing how it is and what to do.
/// </summary>
internal sealed class Examination(Surroundings surroundings, string file)
{
    private const long LittleSpace = 1024L * 1024 * 1024;
    private const long NoSpace = 64L * 1024 * 1024;
    private const long MostVerified = 512L * 1024 * 1024;
    private static readonly TimeSpan EndsSoon = TimeSpan.FromDays(14);

    /// <summary>Everything, in the order in which a gateway needs it. What stands on something broken is not looked at.</summary>
    public async IAsyncEnumerable<Finding> RunAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var loaded = ConfigurationLoader.Load(file, surroundings.Variables, ProtocolCatalog.Create().Select(protocol => protocol.Name));
        if (loaded.Options is not { } options)
        {
            foreach (var problem in loaded.Problems) yield return Finding.Problem("configuration", problem.ToString(), File.Exists(file) ? "correct it there; docs/configuration.md lists every key" : "`postern init` writes a first one");
            yield break;
        }
        yield return Finding.Ok("configuration", $"`{file}` loads: {Count(options.Issuers.Length, "issuer")}, {Count(options.Connections.Length, "connection")}");

        using var running = new RunningGateway();
        var folder = GatewayWorkbench.Folder(options);
        foreach (var finding in Data(options, folder)) yield return finding;
        await foreach (var finding in ListenersAsync(options, folder.IsInUse, running, cancellationToken)) yield return finding;
        foreach (var finding in Certificates(options)) yield return finding;
        foreach (var issuer in options.Issuers)
        {
            foreach (var finding in await IssuerAsync(options, issuer, cancellationToken)) yield return finding;
        }
        foreach (var finding in Policy(options)) yield return finding;
        if (GatewayWorkbench.SqlFault(options) is { } fault) yield return Finding.Problem("sql", fault, "without it no statement can be judged, and the gateway does not start");
        await foreach (var finding in TargetsAsync(options, cancellationToken)) yield return finding;
        foreach (var finding in Journal(options, cancellationToken)) yield return finding;
        yield return SignedIn(options);
    }

    private static IEnumerable<Finding> Data(GatewayOptions options, FolderState folder)
    {
        if (folder.Problem is { } problem) yield return Finding.Problem("data", problem, "give the gateway's user a folder of its own, readable and writable by it alone (mode 0700)");
        else yield return Finding.Ok("data", folder.IsInUse ? $"a gateway uses `{options.Data}` at this moment" : folder.Exists ? $"`{options.Data}` can be used" : $"`{options.Data}` will be made");
        var existing = options.Data;
        while (!Directory.Exists(existing) && Path.GetDirectoryName(existing) is { } above) existing = above;
        var free = new DriveInfo(existing).AvailableFreeSpace;
        var text = string.Create(CultureInfo.InvariantCulture, $"{free / (1024 * 1024)} MiB are free there");
        yield return free < NoSpace ? Finding.Problem("space", text, "what cannot be recorded is refused: make room, or put `data` elsewhere")
            : free < LittleSpace ? Finding.Warning("space", text, "make room before it is full: what cannot be recorded is refused")
            : Finding.Ok("space", text);
    }

    private static async IAsyncEnumerable<Finding> ListenersAsync(GatewayOptions options, bool isRunning, RunningGateway running, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var publicUrl = options.PublicUrl ?? options.Url;
        foreach (var listener in GatewayWorkbench.Listeners(options))
        {
            if (listener.Problem is not { } problem)
            {
                yield return Finding.Ok(listener.Key, $"`{listener.Where}` is free");
                continue;
            }
            var name = listener is { IsTaken: true, Key: "listen.url" } ? await running.NameAsync(listener.Where, cancellationToken) : null;
            if (name == publicUrl || (listener.IsTaken && isRunning && listener.Key != "listen.url")) yield return Finding.Ok(listener.Key, $"`{listener.Where}` is served by a gateway of this name");
            else if (name is not null) yield return Finding.Problem(listener.Key, $"a gateway that calls itself `{name}` serves at `{listener.Where}`", $"give both the same `publicUrl`, or this one another port");
            else yield return Finding.Problem(listener.Key, problem, "`ss -ltnp` says which program it is");
        }
        if (isRunning && options.Management is { } management && await running.ComplaintsAsync(management, cancellationToken) is { } complaints)
        {
            foreach (var (part, complaint) in complaints) yield return Finding.Problem($"running: {part}", complaint, "the gateway's log says more");
            if (complaints.Count == 0) yield return Finding.Ok("running", "the gateway is ready");
        }
        if (options.PublicUrl is { } given && given != options.Url && await running.NameAsync(given, cancellationToken) is var called)
        {
            yield return called == given ? Finding.Ok("publicUrl", $"`{given}` leads to a gateway of this name")
                : called is not null ? Finding.Problem("publicUrl", $"what answers at `{given}` calls itself `{called}`", "tokens and links are made for `publicUrl`: let it lead here, without a change of the Host header")
                : isRunning ? Finding.Problem("publicUrl", $"no gateway answers at `{given}` from here", "see that its name resolves, that its certificate is trusted, and that the proxy passes on to `listen.url`")
                : Finding.Warning("publicUrl", $"no gateway answers at `{given}`; none runs on this configuration", "look again once it runs");
        }
    }

    private IEnumerable<Finding> Certificates(GatewayOptions options)
    {
        foreach (var (key, files) in new[] { ("listen.tls", options.Tls), ("listen.postgres", options.Postgres.Tls) })
        {
            if (files is null) continue;
            var (problem, ends) = GatewayWorkbench.Certificate(files, surroundings.Clock);
            var text = string.Create(CultureInfo.InvariantCulture, $"the certificate is good until {ends.UtcDateTime:yyyy-MM-dd HH:mm} UTC");
            yield return problem is not null ? Finding.Problem(key, problem, "put a good certificate with its key there; a gateway that runs takes it at once")
                : ends - surroundings.Clock.GetUtcNow() < EndsSoon ? Finding.Warning(key, text, "renew it; a gateway that runs takes the new one at once")
                : Finding.Ok(key, text);
        }
    }

    private async Task<List<Finding>> IssuerAsync(GatewayOptions options, IssuerOptions issuer, CancellationToken cancellationToken)
    {
        var what = $"issuer {issuer.Name}";
        var found = new List<Finding>();
        var publicUrl = options.PublicUrl ?? options.Url;
        var answer = await IssuerWorkbench.AskAsync(issuer, publicUrl, surroundings.Clock, cancellationToken);
        if (answer.Problem is { } problem)
        {
            found.Add(Finding.Problem(what, $"`{issuer.Authority}`: {problem}", issuer.Authority == ProviderChoice.DemoAuthority
                ? "start it in a terminal of its own: `postern demo issuer`"
                : $"see that `issuers.{issuer.Name}.authority` is exactly what its tokens write as `iss`, and that this machine may reach it"));
            return found;
        }
        found.Add(Finding.Ok(what, $"`{issuer.Authority}` answers, with {Count(answer.Keys, "signing key")}"));
        if (answer.Ahead is { } ahead)
        {
            var seconds = Math.Abs(ahead.TotalSeconds);
            var text = string.Create(CultureInfo.InvariantCulture, $"its clock and this machine's differ by {seconds:0} s; {issuer.ClockSkew.TotalSeconds:0} s are taken");
            if (seconds > issuer.ClockSkew.TotalSeconds + 1) found.Add(Finding.Problem(what, text, "let this machine keep time (`timedatectl set-ntp true`): tokens will be refused as too old or too new"));
            else if (seconds > (issuer.ClockSkew.TotalSeconds / 2) + 1) found.Add(Finding.Warning(what, text, "let this machine keep time before tokens are refused"));
            else found.Add(Finding.Ok(what, "its clock and this machine's agree"));
        }
        if (answer.IsForPrograms) return found;
        if (issuer.ClientId is null) found.Add(Finding.Warning(what, "it has no `clientId`, so nobody can sign in on the gateway's pages, where people approve", $"register a client with the redirect URI `{publicUrl}/signin/callback` and name it in `issuers.{issuer.Name}.clientId`"));
        else if (!answer.SignsPeopleIn) found.Add(Finding.Problem(what, "it names no page on which people sign in", "people sign in at an issuer with an authorization endpoint; for programs alone, remove `clientId`"));
        if (issuer.Audience is null && issuer.Audiences.IsDefaultOrEmpty && GatewayOptionsText.IsLoopback(publicUrl) && !GatewayOptionsText.IsLoopback(issuer.Authority))
        {
            found.Add(Finding.Warning(what, $"tokens must carry the audience `{publicUrl}`, which few providers give", $"set `publicUrl` to what people call the gateway, or `issuers.{issuer.Name}.audience` to what the provider writes"));
        }
        return found;
    }

    private IEnumerable<Finding> Policy(GatewayOptions options)
    {
        var problems = PolicyWorkbench.Check(options, options.Policy);
        foreach (var problem in problems)
        {
            yield return problem.Severity == ProblemSeverity.Error
                ? Finding.Problem("policy", problem.ToString(), "correct it there; a gateway keeps the version that it has, and starts with none")
                : Finding.Warning("policy", problem.ToString(), "`postern policy check` says the same, and docs/learn/policy.md what is meant");
        }
        if (problems.Any(problem => problem.Severity == ProblemSeverity.Error)) yield break;
        var run = PolicyWorkbench.Test(options, options.Policy, surroundings.Clock.GetUtcNow());
        var failed = run.Results.Where(result => !result.Passed).ToArray();
        foreach (var result in failed) yield return Finding.Problem("policy", $"{result.File}:{result.Line}: the test `{result.Name}` fails", "`postern policy test` says what was expected and what came");
        if (failed.Length == 0) yield return run.Results.IsEmpty ? Finding.Warning("policy", "it loads, and holds no tests", "write what must and what must never be permitted under `tests:`") : Finding.Ok("policy", $"it loads, and its {Count(run.Results.Length, "test")} {(run.Results.Length == 1 ? "passes" : "pass")}");
    }

    private async IAsyncEnumerable<Finding> TargetsAsync(GatewayOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (options.Connections.IsEmpty)
        {
            yield return Finding.Warning("connections", "there is none", "`postern connections add` adds one");
            yield break;
        }
        await using var workbench = await TargetWorkbench.OpenAsync(options, surroundings.Clock, cancellationToken);
        // All at once: one that does not answer takes its whole time.
        var asked = options.Connections.Select(connection => (Connection: connection, Answer: workbench.AskAsync(connection.Name, cancellationToken))).ToArray();
        foreach (var (connection, answering) in asked)
        {
            var what = $"connection {connection.Name}";
            if (await answering is not { } answer) yield return Finding.Warning(what, $"a target that speaks `{connection.Protocol}` cannot be asked", "try it through the gateway");
            else yield return answer.State == TargetState.Good ? Finding.Ok(what, answer.Text) : Finding.Problem(what, answer.Text, TargetAdvice.For(connection, answer));
        }
    }

    private static IEnumerable<Finding> Journal(GatewayOptions options, CancellationToken cancellationToken)
    {
        var (folder, key) = (Path.Combine(options.Data, "journal"), Path.Combine(options.Data, "journal.pub.pem"));
        var segments = Directory.Exists(folder) ? Directory.GetFiles(folder, "*.pjl") : [];
        if (segments.Length == 0)
        {
            yield return Finding.Ok("recording", "nothing was recorded yet");
            yield break;
        }
        if (!File.Exists(key))
        {
            yield return Finding.Problem("recording", $"`{key}` is gone, so nobody can verify the recording with it", "put the copy back that auditors have; `postern verify --key` takes it from anywhere");
            yield break;
        }
        if (segments.Sum(segment => new FileInfo(segment).Length) > MostVerified)
        {
            yield return Finding.Ok("recording", $"it is larger than is read here; verify it with `postern verify {options.Data} --key {key}`");
            yield break;
        }
        var report = JournalVerifier.Verify([folder], File.ReadAllText(key), cancellationToken: cancellationToken);
        foreach (var problem in report.Problems) yield return Finding.Problem("recording", problem, $"`postern verify {options.Data} --key {key}` says more; keep the folder as it is");
        foreach (var journal in report.Journals)
        {
            yield return journal.Bad is { } bad
                ? Finding.Problem("recording", string.Create(CultureInfo.InvariantCulture, $"first bad record: {bad.Sequence}, in `{bad.File}`: {bad.Problem}"), "keep the folder as it is, and find out who wrote into it; the gateway begins a new journal beside it")
                : Finding.Ok("recording", string.Create(CultureInfo.InvariantCulture, $"{journal.Records} records verify to the last signature"));
        }
    }

    private Finding SignedIn(GatewayOptions options)
    {
        var gateway = new Uri(options.PublicUrl ?? options.Url);
        try
        {
            return SignInStore.Of(surroundings).Find(gateway) switch
            {
                null => Finding.Ok("sign-in", $"nobody of this account is signed in at `{SignInStore.Name(gateway)}`; `postern login` does"),
                { RefreshToken: null } over when over.ExpiresAt <= surroundings.Clock.GetUtcNow() => Finding.Warning("sign-in", "it is over, and cannot be renewed", "sign in again with `postern login`"),
                { } signIn => Finding.Ok("sign-in", string.Create(CultureInfo.InvariantCulture, $"kept for `{signIn.Gateway}`, {(signIn.ExpiresAt > surroundings.Clock.GetUtcNow() ? $"good until {signIn.ExpiresAt.UtcDateTime:yyyy-MM-dd HH:mm} UTC" : "to be renewed at the next command")}")),
            };
        }
        catch (SignInException unusable)
        {
            return Finding.Problem("sign-in", unusable.Message, "until then commands run without a sign-in");
        }
    }

    private static string Count(int number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";

    private static class GatewayOptionsText
    {
        public static bool IsLoopback(string url) => Uri.TryCreate(url, UriKind.Absolute, out var parsed) && parsed.IsLoopback;
    }
}
