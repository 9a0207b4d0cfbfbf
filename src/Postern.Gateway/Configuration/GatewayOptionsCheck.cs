using System.Collections.Immutable;
using System.Net;

namespace Postern.Gateway.Configuration;

/// <summary>
/// What options must satisfy as a whole, whether they come from a file or from code: each problem with the key it belongs to.
/// </summary>
internal static class GatewayOptionsCheck
{
    /// <summary>Of what was said: shorter is more likely a slip than meant, and cannot be undone.</summary>
    private static readonly TimeSpan ShortestKeep = TimeSpan.FromHours(1);

    private const int ShortestWebhookSecret = 16;

    public static IEnumerable<(string Path, string Message)> Problems(GatewayOptions options)
    {
        foreach (var problem in Listening(options)) yield return problem;
        foreach (var issuer in options.Issuers)
        {
            if (ConfigurationValue.TryUrl(issuer.Authority, out var authority) && authority.Scheme != "https" && !IsLoopback(authority))
            {
                yield return ($"issuers.{issuer.Name}.authority", $"an issuer must be reached over https, found `{issuer.Authority}`; plain http is for loopback only");
            }
        }
        foreach (var issuer in options.Issuers)
        {
            foreach (var (key, message) in Identities.IssuerPresetCheck.Problems(issuer)) yield return ($"issuers.{issuer.Name}.{key}", message);
            foreach (var address in new[] { issuer.Directory?.Url, issuer.Directory?.TokenUrl })
            {
                if (address is not null && !(ConfigurationValue.TryUrl(address, out var directory) && (directory.Scheme == "https" || IsLoopback(directory)))) yield return ($"issuers.{issuer.Name}.directory", $"a directory must be reached over https, found `{address}`");
            }
            if (issuer.Introspection is { } asked && !(ConfigurationValue.TryUrl(asked.Url, out var introspection) && (introspection.Scheme == "https" || IsLoopback(introspection)))) yield return ($"issuers.{issuer.Name}.introspection.url", $"tokens are sent there, so it must be reached over https, found `{asked.Url}`");
            if (issuer.Introspection is { } often && (often.Every < TimeSpan.FromSeconds(1) || often.MaxStale < often.Every)) yield return ($"issuers.{issuer.Name}.introspection", "expected `every` of at least 1s, and `maxStale` no shorter");
            if (issuer.ClockSkew > Identities.TrustedIssuer.MaxClockSkew) yield return ($"issuers.{issuer.Name}.clockSkew", $"expected at most {Identities.TrustedIssuer.MaxClockSkew.TotalSeconds}s, found {issuer.ClockSkew.TotalSeconds}s; let the machines keep time instead");
        }
        foreach (var issuer in options.Issuers)
        {
            // RFC 6749 section 3.3: what a challenge can carry
            if (issuer.Scopes.FirstOrDefault(scope => scope.Length == 0 || scope.Any(character => character is <= ' ' or '"' or '\\' or > '~')) is { } odd) yield return ($"issuers.{issuer.Name}.scopes", $"expected visible characters without quotes and backslashes, found `{odd}`");
            // The same id may stand for different people in two tenants; somebody who is disabled in one must not go on as somebody of the other.
            if (issuer.Scim is not null && Identities.TrustedIssuer.AuthoritiesOf(issuer).Count() > 1) yield return ($"issuers.{issuer.Name}.scim", "a directory pushes for one tenant, and several are named; make an issuer of each, with a `scim` of its own");
            if (!issuer.Scopes.IsEmpty && options.Authorization is not null) yield return ($"issuers.{issuer.Name}.scopes", "clients sign in at the gateway itself, which asks the issuer for `authorization.providerScopes`; remove one of the two");
        }
        if (options.Issuers.IsEmpty) yield return ("issuers", "no issuer is configured; nothing runs without authentication, so nobody could ask anything");
        foreach (var repeated in options.Issuers.SelectMany(issuer => Identities.TrustedIssuer.AuthoritiesOf(issuer), (issuer, authority) => (issuer.Name, Authority: authority)).GroupBy(one => one.Authority, StringComparer.Ordinal).Where(group => group.Key.Length > 0 && group.Count() > 1))
        {
            yield return ($"issuers.{repeated.Last().Name}.authority", $"`{repeated.Key}` already belongs to issuer `{repeated.First().Name}`; one issuer has one name, or its subjects would have two");
        }
        foreach (var connection in options.Connections)
        {
            if (connection.Name == Policies.GatewayVocabulary.Protocol) yield return ($"connections.{connection.Name}", $"the name `{connection.Name}` stands for the gateway itself; choose another");
            foreach (var problem in Connections.StdioTargets.Problems(connection)) yield return problem;
            foreach (var problem in Connections.HttpTargets.Problems(connection)) yield return problem;
            if (Described(connection) is { } unreadable) yield return ($"connections.{connection.Name}.openapi", unreadable);
            if (connection.Protocol == Protocols.Http.HttpProtocol.ProtocolName && connection.Url.AsSpan().ContainsAny('?', '#')) yield return ($"connections.{connection.Name}.url", "what is asked goes behind this path, so it has no query");
            foreach (var problem in Connections.PostgresTargets.Problems(connection)) yield return problem;
            if (connection.Impersonates && connection.Protocol != Protocols.Kubernetes.KubernetesVocabulary.ProtocolName) yield return ($"connections.{connection.Name}.impersonate", "only a cluster can be told who asks; remove the key");
            if (connection.Authorities is { } file && AuthoritiesFile.Complaint(file) is { } complaint) yield return ($"connections.{connection.Name}.tls.ca", complaint);
            if (connection.Keep is { } keep && keep < ShortestKeep) yield return ($"connections.{connection.Name}.keep", $"expected at least 1h, found {keep.TotalSeconds}s");
            if (connection.Credential is null || !ConfigurationValue.TryUrl(connection.Url, out var target)) continue;
            if (target.Scheme != "https" && !IsLoopback(target)) yield return ($"connections.{connection.Name}.url", $"a credential would travel in the clear to `{connection.Url}`; use https");
            if (!IsHeaderName(connection.Credential.Header)) yield return ($"connections.{connection.Name}.credential.header", $"expected a header name, found `{connection.Credential.Header}`");
        }
        foreach (var problem in Connections.HttpTargets.Collisions(options)) yield return problem;
        if (options.Policy.IsEmpty) yield return ("policy", "no policy file is named; without one everything would be refused");
        if (options.Webhook is { } webhook)
        {
            if (ConfigurationValue.TryUrl(webhook.Url, out var url) && url.Scheme != "https" && !IsLoopback(url)) yield return ("holds.webhook.url", $"expected https, found `{webhook.Url}`");
            if (webhook.Secret.Length < ShortestWebhookSecret) yield return ("holds.webhook.secret", $"the secret has fewer than {ShortestWebhookSecret} characters");
        }
        foreach (var problem in Channels(options)) yield return problem;
        foreach (var problem in Recording(options.Record)) yield return problem;
        foreach (var problem in options.Exports.SelectMany(Exporting)) yield return problem;
        if (options.Telemetry is { } telemetry)
        {
            if (ConfigurationValue.TryUrl(telemetry.Url, out var collector) && collector.Scheme != "https" && !IsLoopback(collector)) yield return ("telemetry.url", $"expected https, found `{telemetry.Url}`");
            if (telemetry.Credential is { } lent && !IsHeaderName(lent.Header)) yield return ("telemetry.credential.header", $"expected a header name, found `{lent.Header}`");
            if (telemetry.Authorities is { } roots && AuthoritiesFile.Complaint(roots) is { } unusable) yield return ("telemetry.tls.ca", unusable);
        }
        foreach (var problem in People(options)) yield return problem;
        foreach (var problem in AuthorizationCheck.Problems(options)) yield return problem;
        foreach (var origin in options.AllowedOrigins)
        {
            if (ConfigurationValue.TryUrl(origin, out var url) && url.AbsolutePath != "/") yield return ("allowedOrigins", $"an origin has no path, found `{origin}`");
        }
    }

    private static IEnumerable<(string Path, string Message)> Recording(RecordOptions record)
    {
        if (record.Heartbeat < TimeSpan.FromSeconds(1) || record.Heartbeat > TimeSpan.FromDays(1)) yield return ("record.heartbeat", $"expected 1s to 24h, found {record.Heartbeat.TotalSeconds}s");
        if (record.Key is { } key && new[] { key.File, key.Pem, key.Pkcs12 }.Count(place => place is not null) != 1) yield return ("record.signingKey", "expected one of `file`, `value` and `pkcs12`");
        if (record.Keep is { } keep && keep < ShortestKeep) yield return ("record.keep", $"expected at least 1h, found {keep.TotalSeconds}s");
        if (record.MasterKey is { } master && (master.File is null) == (master.Value is null)) yield return ("record.masterKey", "expected `file` or `value`, and not both");
        foreach (var witness in record.Witnesses)
        {
            if (new object?[] { witness.File, witness.Url, witness.S3 }.Count(place => place is not null) != 1) yield return ($"record.witnesses.{witness.Name}", "expected one of `file`, `url` and `s3`");
            if (witness.S3 is { } bucket)
            {
                foreach (var (at, message) in StoreCheck.Problems(bucket)) yield return ($"record.witnesses.{witness.Name}.{at}", message);
            }
            if (witness.Url is { } text && ConfigurationValue.TryUrl(text, out var url) && url.Scheme != "https" && !IsLoopback(url)) yield return ($"record.witnesses.{witness.Name}.url", $"expected https, found `{text}`");
        }
        if (record.Store is { } store)
        {
            foreach (var (at, message) in StoreCheck.Problems(store)) yield return ($"record.store.{at}", message);
        }
        if (record.RefuseWithoutWitness is { } wait)
        {
            if (record.Witnesses.IsEmpty) yield return ("record.refuseWithoutWitness", "no witness is configured that could be waited for; add one under `record.witnesses`");
            if (wait < TimeSpan.FromSeconds(5)) yield return ("record.refuseWithoutWitness", $"expected at least 5s, found {wait.TotalSeconds}s; a network is slower than that at times");
        }
    }

    private static IEnumerable<(string Path, string Message)> Channels(GatewayOptions options)
    {
        if (options.Slack is { } slack)
        {
            if (ConfigurationValue.TryUrl(slack.Api, out var api) && api.Scheme != "https" && !IsLoopback(api)) yield return ("holds.slack.api", $"expected https, found `{slack.Api}`");
            if (slack.SigningSecret.Length < ShortestWebhookSecret) yield return ("holds.slack.signingSecret", $"the secret has fewer than {ShortestWebhookSecret} characters");
            foreach (var (member, account) in slack.Users)
            {
                if (!options.Issuers.Any(issuer => account.StartsWith(issuer.Name + ":", StringComparison.Ordinal) && account.Length > issuer.Name.Length + 1)) yield return ($"holds.slack.users.{member}", $"expected an account as `issuer:subject` with the name of a configured issuer, found `{account}`");
            }
        }
        if (options.Email is { } email)
        {
            if (!email.UsesTls && !(IPAddress.TryParse(email.Host, out var address) ? IPAddress.IsLoopback(address) : email.Host == "localhost")) yield return ("holds.email.tls", $"mail to `{email.Host}` must not travel in the clear; leave `tls` at `required`");
            if (email.To.IsEmpty) yield return ("holds.email.to", "nobody is named who would be told");
            foreach (var unreadable in email.To.Append(email.From).Where(text => !System.Net.Mail.MailAddress.TryCreate(text, out _) || text.AsSpan().ContainsAnyInRange('\0', '\x1F'))) yield return ("holds.email", $"expected an e-mail address, found `{unreadable}`");
        }
    }

    private static IEnumerable<(string Path, string Message)> Exporting(ExportOptions export)
    {
        var path = $"exports.{export.Name}";
        if (export.Events == Gateway.Exports.ExportKinds.None) yield return ($"{path}.events", "no events are named, so nothing would be sent");
        var (url, credential, authorities) = export.Target switch
        {
            ExportTarget.Http http => (http.Url, http.Credential, http.Authorities),
            ExportTarget.Otlp otlp => (otlp.Url, otlp.Credential, otlp.Authorities),
            ExportTarget.Syslog syslog => (null, null, syslog.Authorities),
            _ => ((string?)null, (CredentialOptions?)null, (string?)null),
        };
        if (export.Target is ExportTarget.Syslog { UsesTls: false } open && !(IPAddress.TryParse(open.Host, out var address) ? IPAddress.IsLoopback(address) : open.Host == "localhost")) yield return ($"{path}.tls.mode", $"what happened must not travel to `{open.Host}` in the clear; leave `mode` at `verify`");
        if (url is not null && ConfigurationValue.TryUrl(url, out var target) && target.Scheme != "https" && !IsLoopback(target)) yield return ($"{path}.url", $"expected https, found `{url}`");
        if (credential is not null && !IsHeaderName(credential.Header)) yield return ($"{path}.credential.header", $"expected a header name, found `{credential.Header}`");
        if (authorities is not null && AuthoritiesFile.Complaint(authorities) is { } complaint) yield return ($"{path}.tls.ca", complaint);
    }

    private static IEnumerable<(string Path, string Message)> People(GatewayOptions options)
    {
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var accounts in options.People)
        {
            if (accounts.Length < 2) yield return ("people", "a person stands here with all of their accounts, at least two; whoever has one account needs no entry");
            foreach (var account in accounts)
            {
                if (!options.Issuers.Any(issuer => account.StartsWith(issuer.Name + ":", StringComparison.Ordinal) && account.Length > issuer.Name.Length + 1)) yield return ("people", $"expected an account as `issuer:subject` with the name of a configured issuer, found `{account}`");
                if (!known.Add(account)) yield return ("people", $"`{account}` stands here twice; an account is one person's");
            }
        }
    }

    /// <summary>Why a connection's document cannot be read; null when it can, or there is none.</summary>
    private static string? Described(ConnectionOptions connection)
    {
        if (connection.OpenApi is not { } path) return null;
        if (connection.Protocol != Protocols.Http.HttpProtocol.ProtocolName) return $"a target that speaks `{connection.Protocol}` has no OpenAPI document";
        try
        {
            new Protocols.Http.HttpProtocol().Describe(connection.Name, File.ReadAllBytes(path));
            return null;
        }
        catch (Exception unreadable) when (unreadable is IOException or UnauthorizedAccessException)
        {
            return $"cannot read `{path}`: {(unreadable is UnauthorizedAccessException ? "no permission" : "no such file, or input or output error")}";
        }
        catch (FormatException unreadable)
        {
            return $"`{path}` is no OpenAPI document that can be read: {unreadable.Message}";
        }
    }

    private static IEnumerable<(string Path, string Message)> Listening(GatewayOptions options)
    {
        if (!TryListener(options.Url, out var url, out var address))
        {
            yield return ("listen.url", $"expected a scheme, an IP address or `localhost`, and a port, such as `http://127.0.0.1:7600`, found `{options.Url}`");
            yield break;
        }
        if (options.Management is { } management && !(TryListener(management, out var managed, out _) && managed.Scheme == "http"))
        {
            yield return ("listen.management", $"expected `http://`, an IP address or `localhost`, and a port, or `none`, found `{management}`");
        }
        if (options.Kubernetes is { } kubernetes && options.Connections.Any(connection => connection.Protocol == Protocols.Kubernetes.KubernetesVocabulary.ProtocolName))
        {
            if (!(TryListener(kubernetes, out var clusters, out var reach) && clusters.Scheme == "https")) yield return ("listen.kubernetes", $"expected `https://`, an IP address or `localhost`, and a port, or `none`, found `{kubernetes}`");
            else if (!IPAddress.IsLoopback(reach) && options.Tls is null) yield return ("listen.kubernetes", $"`{kubernetes}` is reachable from other machines; give `listen.tls` a certificate that they trust, or listen on 127.0.0.1");
        }
        if (options.Tls is not null && url.Scheme != "https") yield return ("listen.url", $"`listen.tls` is given, so `listen.url` must start with `https://`, found `{options.Url}`");
        if (options.Tls is null && url.Scheme == "https") yield return ("listen.url", $"`{options.Url}` needs `listen.tls` with a certificate and a key");
        var isOpen = !IPAddress.IsLoopback(address);
        if (isOpen && options.Tls is null && options.BehindProxy.IsEmpty)
        {
            yield return ("listen.url", $"`{options.Url}` is reachable from other machines without TLS, and tokens would travel in the clear; give `listen.tls`, or name the proxies in `behindProxy`, or listen on 127.0.0.1");
        }
        foreach (var problem in Connections.PostgresTargets.ListenerProblems(options)) yield return problem;
        if (options.PublicUrl is null)
        {
            if (isOpen || !options.BehindProxy.IsEmpty) yield return ("publicUrl", "`publicUrl` is missing; beyond loopback, or behind a proxy, the gateway cannot know what clients call it");
            yield break;
        }
        if (!ConfigurationValue.TryUrl(options.PublicUrl, out var publicUrl) || publicUrl.AbsolutePath != "/") yield return ("publicUrl", $"expected an URL without a path, such as `https://gateway.example.com`, found `{options.PublicUrl}`");
        else if (publicUrl.Scheme != "https" && !IsLoopback(publicUrl)) yield return ("publicUrl", $"expected https beyond loopback, found `{options.PublicUrl}`");
    }

    /// <summary>The address and port that a listener URL stands for.</summary>
    public static bool TryListener(string text, out Uri url, out IPAddress address)
    {
        address = IPAddress.None;
        if (!ConfigurationValue.TryUrl(text, out url) || url.AbsolutePath != "/") return false;
        if (string.Equals(url.Host, "localhost", StringComparison.OrdinalIgnoreCase)) address = IPAddress.Loopback;
        else if (!IPAddress.TryParse(url.Host.Trim('[', ']'), out address!)) return false;
        return true;
    }

    /// <summary>True when the URL's host can only be this machine.</summary>
    public static bool IsLoopback(Uri url) =>
        string.Equals(url.Host, "localhost", StringComparison.OrdinalIgnoreCase) || (IPAddress.TryParse(url.Host.Trim('[', ']'), out var address) && IPAddress.IsLoopback(address));

    private static bool IsHeaderName(string name) => name.Length > 0 && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '-' or '_');
}
