using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using Postern.Gateway.Api;
using Postern.Gateway.Grants;

namespace Postern.Tests.Gateway.Api;

/// <summary>Who comes to the control API, and with what.</summary>
internal enum Caller
{
    /// <summary>No credential.</summary>
    Nobody,

    /// <summary>A person's token; no rule names them for administering. What is asked for is theirs.</summary>
    Owner,

    /// <summary>Another such person's token.</summary>
    Other,

    /// <summary>A program's own token; no rule names it.</summary>
    Workload,

    /// <summary>A token of somebody who may see everything and change nothing.</summary>
    Auditor,

    /// <summary>An administrator's token, in the hands of an agent.</summary>
    Agent,

    /// <summary>An administrator's browser, whose sign-in is older than five minutes.</summary>
    Stale,

    /// <summary>An administrator's browser, signed in just now.</summary>
    Administrator,
}

/// <summary>
/// The routes as they are mapped, and what each of them must answer to whom: derived from what the table declares, written to
/// <c>docs/administration.md</c>, and held against a running gateway.
/// </summary>
internal static class RouteTable
{
    public static readonly ImmutableArray<ApiRoute> Routes =
    [
        .. ControlRoutes.Of(null!), .. ToolRoutes.Of(null!), .. RevocationRoutes.Of(null!), .. PolicyRoutes.Of(null!, null!, "", TimeProvider.System), .. QuestionRoutes.Of(null!),
        .. RecordingRoutes.Of(null!, null!), .. GrantRoutes.Of(null!), .. RetentionRoutes.Of(null!), BundleRoute.Of(null!),
    ];

    /// <summary>What the auditor's rule permits.</summary>
    public static readonly ImmutableArray<string> Auditing = ["policy.read", "grants.read", "identities.read", "connections.check", "sessions.read"];

    public static readonly ImmutableArray<Caller> Callers = [.. Enum.GetValues<Caller>()];

    /// <summary>The status that a caller must be told; <c>ok</c> is whatever the route answers to whoever may.</summary>
    public static string Expected(ApiRoute route, Caller caller)
    {
        if (route.Access == ApiAccess.Open) return "ok";
        if (caller == Caller.Nobody) return "401";
        var isBrowser = caller is Caller.Stale or Caller.Administrator;
        // Nothing acts for a token, or for a sign-in of long ago, where only a person who is there may.
        if (route.Access == ApiAccess.FreshBrowser && caller != Caller.Administrator) return "403";
        if (route.Access == ApiAccess.Judged && caller == Caller.Stale) return "403";
        if (route.IsAdministrative)
        {
            // Who may not publish is told so: that there is a policy is no secret.
            if (!Holds(caller, route.Action)) return route.JudgesItself ? "403" : "404";
            return (route.NeedsPresence || route.JudgesItself) && !isBrowser ? "403" : "ok";
        }
        // What is somebody's own is theirs, and for everybody else it is not there; except for whom a rule names.
        if (!IsOfOne(route) || caller == Caller.Owner) return "ok";
        if (route.Wider is null || !Holds(caller, route.Wider)) return "404";
        // Taking back somebody else's takes whoever does it, not only their token.
        return route.Operation == "revokeGrant" && caller != Caller.Administrator ? "403" : "ok";
    }

    /// <summary>True for routes to one thing that belongs to somebody.</summary>
    private static bool IsOfOne(ApiRoute route) =>
        route.Path.Contains("{id}", StringComparison.Ordinal) || route.Path.Contains("{entry}", StringComparison.Ordinal) || route.Operation is "revokeIdentity" or "listTools";

    private static bool Holds(Caller caller, string action) => caller switch
    {
        Caller.Agent or Caller.Stale or Caller.Administrator => true,
        Caller.Auditor => Auditing.Contains(action, StringComparer.Ordinal),
        _ => false,
    };

    /// <summary>The generated part of the page.</summary>
    public static string Matrix()
    {
        var text = new StringBuilder();
        text.Append("| Route | Action | Nobody | Owner | Other | Workload | Auditor | Agent | Stale | Administrator |\n|---|---|---|---|---|---|---|---|---|---|\n");
        foreach (var route in Routes.OrderBy(route => route.Path, StringComparer.Ordinal).ThenBy(route => route.Method, StringComparer.Ordinal))
        {
            text.Append(CultureInfo.InvariantCulture, $"| `{route.Method} {route.Path}` | `{route.Action}`{(route.Wider is null ? "" : $", for others' `{route.Wider}`")} |");
            foreach (var caller in Callers) text.Append(CultureInfo.InvariantCulture, $" {Expected(route, caller)} |");
            text.Append('\n');
        }
        return text.ToString();
    }
}
